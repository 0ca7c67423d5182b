//! Past-tense hooks of changes that were queued: the entity is made anew from the values that the operation carries.

use std::any::Any;
use std::sync::Arc;

use super::describe::operation;
use crate::entity::Entity;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::Runtime;
use crate::session::accept::{Accepted, Kept};
use crate::session::after::{self, HookFailure};
use crate::session::committed::Operation;
use crate::session::core::Core;
use crate::stream::operation::Values;
use crate::stream::wire::row_value;
use crate::table::{ColumnSet, Row, Value};

/// Calls the past-tense hooks of one change of `E` that was queued and is committed now.
///
/// # Errors
///
/// When the values are not those of the table as it is: a column is missing, or cannot hold its value.
pub(crate) fn after_queued<E: Entity>(
    runtime: &Arc<Runtime>,
    code: u8,
    values: Values<'_>,
    failures: &mut Vec<HookFailure>,
) -> Result<()> {
    let def = E::TABLE;
    let unknown = || {
        Error::new(ErrorKind::Malformed {
            entry: None,
            reason: format!("{}: a change of an operation that is not known ({code})", def.name),
        })
    };
    let operation = operation(code).ok_or_else(unknown)?;
    if !runtime.table::<E>()?.may_have(after::bits(operation)) {
        return Ok(());
    }
    // Where each of the table's columns stands in what was sent.
    let position = |name: &str| values.shape.columns.iter().position(|column| column == name);
    let mut before = Vec::with_capacity(def.columns.len());
    for column in def.columns {
        let param = position(column.name).and_then(|at| values.row.get(at));
        let Some(param) = param else {
            return Err(column.misfit(
                &Value::Null,
                "the queued change was written by a struct without this column",
            ));
        };
        before.push(row_value(param, column)?);
    }
    let mut new = before.clone();
    let mut written = ColumnSet::EMPTY;
    for (at, param) in values.written {
        let name = values.shape.columns.get(*at).ok_or_else(unknown)?;
        // A column that the struct has no more concerns nobody.
        if let Some((column, about)) = def.column(name) {
            new[column] = row_value(param, about)?;
            written.insert(column);
        }
    }
    let key = new.get(def.id).cloned().unwrap_or(Value::Null);
    let old = match operation {
        Operation::Insert => None,
        _ => Some(Box::new(E::from_row(&mut Row::new(before))?)),
    };
    let kept: Kept<E> = Kept {
        old,
        new: Some(Box::new(E::from_row(&mut Row::new(new))?)),
    };
    let kept: Box<dyn Any + Send> = Box::new(kept);
    let accepted = Accepted {
        place: Core::place::<E>(0),
        operation,
        key,
        changed: match operation {
            Operation::Insert => def.all().without(&def.internal()),
            _ => written.without(&def.internal()),
        },
        values: Vec::new(),
        kept: Some(kept),
    };
    let core = Core::new(runtime.clone());
    after::after::<E>(&core, runtime, &accepted, failures);
    Ok(())
}
