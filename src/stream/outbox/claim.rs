//! Claiming: the oldest rows are read and unpacked.

use super::relay::Relayed;
use super::relay::{Relay, State};
use super::row::{self, Body};
use super::table::{CLAIM, OUTBOX};
use super::write::{Batch, Unpacked};
use crate::error::{Error, ErrorKind, Result};
use crate::mysql::Params;
use crate::table::Value;

/// The most rows of one claim.
const ROWS: usize = 256;
/// The most rows of the first claim, when nothing is known of their size.
const FIRST_ROWS: usize = 16;
/// About the most bytes of one claim.
const CLAIMED: usize = 16 << 20;

/// A row as it was read.
pub(super) struct Claimed {
    id: u64,
    batch: Batch,
    created_at: Value,
    format: u16,
    events: u32,
    body: Vec<u8>,
}

impl Relay {
    /// Reads the oldest rows.
    pub(super) fn claim(&self, state: &mut State) -> Result<Vec<Claimed>> {
        let Some(connection) = &mut state.connection else {
            return Ok(Vec::new());
        };
        let limit = if state.limit == 0 { FIRST_ROWS } else { state.limit };
        let mut claimed = Vec::new();
        let values = [Value::Text(self.holder.pool.clone()), Value::UInt(limit as u64)];
        connection.select(CLAIM, Params::of(values), OUTBOX, &mut |row| {
            let values = row.values();
            claimed.push(claimed_from(values).ok_or_else(strange)?);
            Ok(())
        })?;
        let bytes: usize = claimed.iter().map(|row| row.body.len()).sum();
        let average = bytes / claimed.len().max(1);
        state.limit = (CLAIMED / average.max(1)).clamp(1, ROWS);
        Ok(claimed)
    }

    /// Unpacks the rows; those that cannot be are set aside.
    pub(super) fn unpack(
        &self,
        state: &mut State,
        claimed: Vec<Claimed>,
        relayed: &mut Relayed,
    ) -> Result<Vec<Unpacked>> {
        let mut rows = Vec::with_capacity(claimed.len());
        for row in claimed {
            match row::unpack(row.format, &row.body) {
                Ok(events) => rows.push(Unpacked {
                    id: row.id,
                    batch: row.batch,
                    created_at: row.created_at,
                    events,
                }),
                Err(error) => {
                    let text = error.to_string();
                    let body = Body {
                        format: row.format,
                        events: row.events,
                        bytes: row.body,
                    };
                    self.set_aside(state, row.id, row.batch, &row.created_at, vec![body], &text)?;
                    relayed.set_aside += u64::from(row.events);
                    self.tell_set_aside(row.id, Vec::new(), &text);
                }
            }
        }
        Ok(rows)
    }
}

fn claimed_from(values: Vec<Value>) -> Option<Claimed> {
    let mut values = values.into_iter();
    let number = |value: Option<Value>| match value? {
        Value::UInt(number) => Some(number),
        Value::Int(number) => u64::try_from(number).ok(),
        _ => None,
    };
    let bytes = |value: Option<Value>| match value? {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    };
    Some(Claimed {
        id: number(values.next())?,
        batch: Batch::try_from(bytes(values.next())?).ok()?,
        created_at: values.next()?,
        format: u16::try_from(number(values.next())?).ok()?,
        events: u32::try_from(number(values.next())?).ok()?,
        body: bytes(values.next())?,
    })
}

fn strange() -> Error {
    Error::new(ErrorKind::Schema {
        message: format!("the columns of `{OUTBOX}` are not those of this version"),
        source: None,
    })
}
