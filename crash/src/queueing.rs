//! What one thread of a worker does when changes are queued: it changes rows of its own, which nobody else does.

use std::marker::PhantomData;
use std::time::Duration;

use headwater::Result;
use headwater::prelude::*;

use crate::random::Random;
use crate::tables::{Row, Tables};
use crate::worker::tell;

/// So many rows of a table, and more are deleted than inserted.
const CROWD: usize = 12;

/// The work of one thread, whose session holds its rows: what is queued cannot be read yet.
pub(crate) struct Queueing<T: Tables> {
    engine: Engine,
    random: Random,
    writer: String,
    units: u64,
    session: Session,
    orders: Vec<Handle<T::Order>>,
    notes: Vec<Handle<T::Note>>,
    stock: Vec<Handle<T::Stock>>,
    tables: PhantomData<T>,
}

impl<T: Tables> Queueing<T> {
    pub(crate) fn new(engine: Engine, random: Random, writer: String) -> Self {
        Queueing {
            session: engine.session(),
            engine,
            random,
            writer,
            units: 0,
            orders: Vec::new(),
            notes: Vec::new(),
            stock: Vec::new(),
            tables: PhantomData,
        }
    }

    /// Queues one operation, and says so before and after.
    pub(crate) fn unit(&mut self) -> Result<()> {
        self.units += 1;
        let tag = format!("{}.{}", self.writer, self.units);
        let mut rows = 0;
        for _ in 0..=self.random.below(5) {
            let (session, random) = (&mut self.session, &mut self.random);
            rows += match random.below(3) {
                0 => edit(session, random, &mut self.orders, &tag)?,
                1 => edit(session, random, &mut self.notes, &tag)?,
                _ => edit(session, random, &mut self.stock, &tag)?,
            };
        }
        tell(&format!("queue {tag} {rows}"));
        match self.session.flush_async() {
            Ok(_) => tell(&format!("queued {tag}")),
            Err(error) => {
                // Whether Redis has it is not known: these rows are left alone from now on.
                self.session = self.engine.session();
                self.orders.clear();
                self.notes.clear();
                self.stock.clear();
                return Err(error);
            }
        }
        // The consumers are to keep up.
        std::thread::sleep(Duration::from_millis(5 + self.random.below(10)));
        Ok(())
    }
}

/// Changes one row that this operation has not changed yet; how many rows then tell of it.
fn edit<E: Row>(session: &mut Session, random: &mut Random, rows: &mut Vec<Handle<E>>, tag: &str) -> Result<u64> {
    let at = usize::try_from(random.below(rows.len() as u64)).unwrap_or_default();
    let is_crowded = rows.len() > CROWD;
    let level = i32::try_from(random.below(3)).unwrap_or_default();
    let row = match rows.get(at) {
        Some(row) if random.percent(if is_crowded { 95 } else { 60 }) => *row,
        _ => {
            let bucket = u32::try_from(random.below(60)).unwrap_or_default();
            rows.push(session.insert(E::new(tag.to_owned(), bucket, level)));
            return Ok(1);
        }
    };
    if session[row].op() == tag {
        return Ok(0);
    }
    let is_gone = session[row].is_gone();
    if random.percent(if is_crowded { 40 } else { 10 }) && (is_gone || !E::SOFT) {
        rows.swap_remove(at);
        session.force_delete(row)?;
        // A deleted row tells nothing.
        return Ok(0);
    }
    session[row].set_op(tag);
    if random.percent(50) {
        session[row].set_level(level);
    }
    session[row].add(1);
    if E::SOFT && random.percent(30) {
        if is_gone {
            session.restore(row)?;
        } else {
            session.delete(row)?;
        }
    }
    Ok(1)
}
