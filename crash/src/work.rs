//! What one thread of a worker does: units of work on random rows, some of them rolled back.

use std::marker::PhantomData;
use std::time::Duration;

use headwater::prelude::*;
use headwater::session::TransactionOptions;
use headwater::{Error, Result};

use crate::random::Random;
use crate::tables::{Row, Tables};
use crate::truth::DELETED_BY_ITSELF;

/// Rows are found by their bucket, so few of them that processes meet.
const BUCKETS: u64 = 60;
/// About how many rows a bucket has.
const CROWD: usize = 5;

/// The work of one thread.
#[derive(Debug)]
pub(crate) struct Work<T> {
    engine: Engine,
    random: Random,
    /// Who writes: `w7.2`.
    writer: String,
    units: u64,
    tables: PhantomData<T>,
}

/// One unit of work: the text that it writes into each row that it changes.
#[derive(Debug, Clone)]
struct Unit {
    /// What is in the text of every change of this unit, kept or rolled back.
    tag: String,
    op: String,
}

impl Unit {
    /// A part of it that will be rolled back.
    fn rolled_back(&self) -> Unit {
        Unit {
            op: format!("rb.{}", self.tag),
            ..self.clone()
        }
    }

    /// The text of a row that this unit deletes after it wrote it.
    fn deleted(&self) -> String {
        format!("{}{DELETED_BY_ITSELF}", self.op)
    }
}

/// Puts an entity right after the part that edited it was rolled back.
type Mend = Box<dyn FnOnce(&mut Session, &mut Random) -> Result<()>>;

/// What the error of a unit that gave up on purpose says.
const ON_PURPOSE: &str = "rolled back on purpose";

/// Whether work may fail so, when servers die and others want the same rows.
pub(crate) fn is_expected(error: &Error) -> bool {
    error.is_retryable()
        || error.is_stale()
        || error.is_commit_unknown()
        || error.is_not_found()
        || error.to_string().contains(ON_PURPOSE)
        // A Redis server that was killed reads its file again.
        || error.to_string().contains("LOADING")
}

impl<T: Tables> Work<T> {
    pub(crate) fn new(engine: Engine, random: Random, writer: String) -> Self {
        Work {
            engine,
            random,
            writer,
            units: 0,
            tables: PhantomData,
        }
    }

    /// Does one unit of work.
    pub(crate) fn unit(&mut self) -> Result<()> {
        self.units += 1;
        let tag = format!("{}.{}", self.writer, self.units);
        let unit = Unit { op: tag.clone(), tag };
        let session = &mut self.engine.session();
        match self.random.below(1000) {
            0..250 => self.flush(session, &unit, 1),
            250..500 => {
                let rows = 2 + self.random.below(8);
                self.flush(session, &unit, rows)
            }
            500..750 => self.transaction(session, &unit),
            750..880 => self.nested(session, &unit),
            880..990 => self.rolled_back(session, &unit),
            990..996 => self.many(session, &unit, 100),
            996..999 => self.flush(session, &unit, 40),
            // More than one row of the outbox, and more than one batch of the sender.
            _ => self.many(session, &unit, 1200),
        }
    }

    /// Several changes, one flush.
    fn flush(&mut self, session: &mut Session, unit: &Unit, rows: u64) -> Result<()> {
        for _ in 0..rows {
            self.edit(session, unit, false)?;
        }
        self.dawdle();
        session.flush().map(drop)
    }

    /// Many rows with one statement; most go again, so that the tables stay small.
    fn many(&mut self, session: &mut Session, unit: &Unit, rows: u64) -> Result<()> {
        let new: Vec<_> = (0..rows)
            .map(|_| {
                let bucket = self.bucket();
                session.insert(T::Stock::new(unit.op.clone(), bucket, 0))
            })
            .collect();
        session.flush()?;
        let op = format!("{}+", unit.tag);
        for (n, row) in new.into_iter().enumerate() {
            if n % 20 == 0 {
                session[row].set_op(&op);
                session[row].set_level(1);
            } else {
                session.delete(row)?;
            }
        }
        session.flush().map(drop)
    }

    fn transaction(&mut self, session: &mut Session, unit: &Unit) -> Result<()> {
        // The second and later tries are told once, like the first would have been.
        let retries = self.random.percent(30).then_some(3);
        match retries {
            Some(retries) => {
                let options = TransactionOptions::default().with_retries(retries);
                session.transaction_with(options, |session| self.stories(session, unit).map(drop))
            }
            None => session.transaction(|session| self.stories(session, unit).map(drop)),
        }
    }

    /// A transaction with a part that is rolled back, and one that is not.
    fn nested(&mut self, session: &mut Session, unit: &Unit) -> Result<()> {
        session.transaction(|session| {
            self.stories(session, unit)?;
            let failing = unit.rolled_back();
            let mut mends = Vec::new();
            let inner = session.transaction(|session| {
                mends = self.stories(session, &failing)?;
                session.flush()?;
                Err::<(), _>(Error::handler(ON_PURPOSE))
            });
            match inner {
                Err(error) if !error.to_string().contains(ON_PURPOSE) => return Err(error),
                _ => {}
            }
            for mend in mends {
                mend(session, &mut self.random)?;
            }
            if self.random.percent(50) {
                session.transaction(|session| self.stories(session, unit).map(drop))?;
            }
            self.edit(session, unit, true)?;
            Ok(())
        })
    }

    fn rolled_back(&mut self, session: &mut Session, unit: &Unit) -> Result<()> {
        let unit = unit.rolled_back();
        session.transaction(|session| {
            self.stories(session, &unit)?;
            if self.random.percent(50) {
                session.transaction(|session| self.stories(session, &unit).map(drop))?;
            }
            session.flush()?;
            Err(Error::handler(ON_PURPOSE))
        })
    }

    /// One to three stories, of a row each.
    fn stories(&mut self, session: &mut Session, unit: &Unit) -> Result<Vec<Mend>> {
        let mut mends = Vec::new();
        for _ in 0..=self.random.below(3) {
            mends.extend(match self.random.below(3) {
                0 => self.story::<T::Order>(session, unit)?,
                1 => self.story::<T::Note>(session, unit)?,
                _ => self.story::<T::Stock>(session, unit)?,
            });
            self.dawdle();
        }
        Ok(mends)
    }

    /// A row that is written several times in one transaction, and perhaps deleted in the end.
    fn story<E: Row>(&mut self, session: &mut Session, unit: &Unit) -> Result<Option<Mend>> {
        if E::SOFT || self.random.percent(60) {
            let Some(row) = self.edit_of::<E>(session, unit, true)? else {
                return Ok(None);
            };
            session.flush()?;
            if session.get(row).is_ok_and(|row| !row.is_gone()) {
                for _ in 0..self.random.below(3) {
                    self.change(session, row, &unit.op);
                    session.flush()?;
                }
            }
            return Ok(Some(mend(row, unit)));
        }
        let op = unit.deleted();
        let row = match self.find::<E>(session, unit, true)? {
            Some(row) if self.random.percent(50) => {
                self.change(session, row, &op);
                row
            }
            _ => {
                let bucket = self.bucket();
                session.insert(E::new(op.clone(), bucket, 0))
            }
        };
        session.flush()?;
        if self.random.percent(50) {
            self.change(session, row, &op);
            session.flush()?;
        }
        session.delete(row)?;
        session.flush()?;
        Ok(Some(mend(row, unit)))
    }

    /// Changes one row of a random table.
    fn edit(&mut self, session: &mut Session, unit: &Unit, locked: bool) -> Result<()> {
        match self.random.below(3) {
            0 => self.edit_of::<T::Order>(session, unit, locked).map(drop),
            1 => self.edit_of::<T::Note>(session, unit, locked).map(drop),
            _ => self.edit_of::<T::Stock>(session, unit, locked).map(drop),
        }
    }

    /// Inserts, updates, deletes or restores one row, and says which.
    fn edit_of<E: Row>(&mut self, session: &mut Session, unit: &Unit, locked: bool) -> Result<Option<Handle<E>>> {
        let bucket = self.bucket();
        let mut query = session.query::<E>().filter(E::in_bucket(bucket)).limit(12);
        if E::SOFT && locked {
            query = query.with_trashed();
        }
        if locked {
            query = query.for_update();
        }
        let rows = query.all()?;
        let crowd = rows.len();
        // A row is changed in one place of a unit only: see `Unit::deleted`.
        let free: Vec<Handle<E>> = rows
            .into_iter()
            .filter(|row| !is_of(session[*row].op(), &unit.tag))
            .collect();
        let inserts = if crowd < CROWD { 50 } else { 10 };
        let row = match self.random.pick(&free) {
            Some(row) if !self.random.percent(inserts) => *row,
            _ if crowd > 2 * CROWD => return Ok(None),
            _ => {
                let level = self.level();
                return Ok(Some(session.insert(E::new(unit.op.clone(), bucket, level))));
            }
        };
        let deletes = self.random.percent(if crowd > CROWD { 45 } else { 15 });
        // Without a version and without a lock, two sessions could both mark a row that the log sees marked once.
        let may_mark = !E::SOFT || locked;
        self.change(session, row, &unit.op);
        if !may_mark {
            return Ok(Some(row));
        }
        match (session[row].is_gone(), deletes) {
            (true, true) => session.force_delete(row)?,
            (true, false) if self.random.percent(60) => session.restore(row)?,
            (false, true) => session.delete(row)?,
            _ => {}
        }
        Ok(Some(row))
    }

    /// A row that this unit has not changed yet.
    fn find<E: Row>(&mut self, session: &mut Session, unit: &Unit, locked: bool) -> Result<Option<Handle<E>>> {
        let mut query = session.query::<E>().filter(E::in_bucket(self.bucket())).limit(12);
        if locked {
            query = query.for_update();
        }
        let rows = query.all()?;
        let free: Vec<Handle<E>> = rows
            .into_iter()
            .filter(|row| !is_of(session[*row].op(), &unit.tag))
            .collect();
        Ok(self.random.pick(&free).copied())
    }

    fn change<E: Row>(&mut self, session: &mut Session, row: Handle<E>, op: &str) {
        let level = self.level();
        let amount = self.random.below(100);
        let (with_level, with_amount) = (self.random.percent(50), self.random.percent(50));
        let row = &mut session[row];
        row.set_op(op);
        if with_level {
            row.set_level(level);
        }
        if with_amount {
            row.add(i64::try_from(amount).unwrap_or_default());
        }
    }

    fn bucket(&mut self) -> u32 {
        // Some are hot: there processes wait for each other, and deadlock.
        let bucket = if self.random.percent(20) {
            self.random.below(4)
        } else {
            self.random.below(BUCKETS)
        };
        u32::try_from(bucket).unwrap_or_default()
    }

    /// Few, so that a transaction may bring one back to where it was.
    fn level(&mut self) -> i32 {
        i32::try_from(self.random.below(3)).unwrap_or_default()
    }

    /// Between reading and writing others may come first.
    fn dawdle(&mut self) {
        if self.random.percent(10) {
            std::thread::sleep(Duration::from_millis(self.random.below(8)));
        }
    }
}

/// Whether the unit with this tag wrote it, kept or rolled back.
fn is_of(op: &str, tag: &str) -> bool {
    op.strip_prefix("rb.").unwrap_or(op).trim_end_matches(DELETED_BY_ITSELF) == tag
}

fn mend<E: Row>(row: Handle<E>, unit: &Unit) -> Mend {
    let tag = unit.tag.clone();
    Box::new(move |session, random| {
        if session.get(row).is_err() {
            return Ok(());
        }
        // Its edits have stayed: they are forgotten, or written after all under the name of what is kept.
        if random.percent(50) {
            session.refresh(row)
        } else {
            session[row].set_op(&tag);
            Ok(())
        }
    })
}
