//! Rows and events that Redis will never take: they go aside, whole, with their error, and block nothing.

use super::relay::{Relay, State};
use super::row::{Body, pack};
use super::table::{ASIDE, OUTBOX, SET_ASIDE, delete};
use super::write::{Batch, Progress, Unpacked};
use crate::error::Result;
use crate::mysql::Params;
use crate::stream::delivery::{DeliveryProblem, FailedEvent, tell};
use crate::stream::outgoing::Outgoing;
use crate::table::Value;

impl Relay {
    /// Sets the events aside that their stream will never take, and deletes their row.
    pub(super) fn refuse(&self, state: &mut State, row: &Unpacked, progress: Progress) -> Result<()> {
        let text = progress
            .refused
            .first()
            .map(|(_, error)| error.clone())
            .unwrap_or_default();
        let refused: Vec<Outgoing> = progress
            .refused
            .iter()
            .filter_map(|(position, _)| row.events.get(*position).cloned())
            .collect();
        self.set_aside(state, row.id, row.batch, &row.created_at, pack(&refused), &text)?;
        state.forget.push(row.batch);
        let failed = refused.into_iter().map(|event| event.failed(&text)).collect();
        self.tell_set_aside(row.id, failed, &text);
        Ok(())
    }

    /// Moves a row aside with other bodies; once, however often and by whom it is tried.
    pub(super) fn set_aside(
        &self,
        state: &mut State,
        id: u64,
        batch: Batch,
        created_at: &Value,
        bodies: Vec<Body>,
        error: &str,
    ) -> Result<()> {
        let Some(connection) = &mut state.connection else {
            return Ok(());
        };
        let error: String = error.chars().take(4000).collect();
        connection.begin()?;
        let moved = connection
            .execute(&delete(1), Params::of([Value::UInt(id)]), OUTBOX)
            .and_then(|deleted| {
                // Nothing to do when a holder before us did it.
                let bodies = if deleted.matched == 1 { bodies } else { Vec::new() };
                for body in bodies {
                    let values = [
                        Value::Text(self.holder.pool.clone()),
                        Value::Bytes(batch.to_vec()),
                        Value::UInt(body.format.into()),
                        Value::UInt(body.events.into()),
                        created_at.clone(),
                        Value::Text(error.clone()),
                        Value::Bytes(body.bytes),
                    ];
                    connection.execute(SET_ASIDE, Params::of(values), ASIDE)?;
                }
                Ok(())
            });
        match moved {
            Ok(()) => connection.commit(),
            Err(error) => {
                connection.rollback();
                Err(error)
            }
        }
    }

    pub(super) fn tell_set_aside(&self, row: u64, events: Vec<FailedEvent>, error: &str) {
        let problem = DeliveryProblem::SetAside {
            pool: self.holder.pool.clone(),
            row,
            events,
            error: error.to_owned(),
        };
        self.note_error(problem.to_string());
        tell(self.options.handler.as_ref(), &problem);
    }
}
