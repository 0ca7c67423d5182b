//! Values that this library sets, or looks at: keys, versions, times, references that wait for a key.

use super::core::{Core, Place};
use super::frozen::{Frozen, Pending};
use crate::entity::Entity;
use crate::error::{Error, ErrorKind, Result};
use crate::table::{CivilDateTime, ColumnDef, RawHandle, SqlType, Value};

/// The value of a column as it is stored. A row may hold what its column cannot, where the server's is longer: it
/// can be replaced all the same, and events show it as NULL.
pub(super) fn stored<E: Entity>(original: &E, column: usize) -> Value {
    original.encode(column).unwrap_or(Value::Null)
}

/// The value of a reference that waits for another entity: its key if it has one, else a place to fill.
pub(super) fn reference(
    core: &Core,
    about: &'static ColumnDef,
    column: usize,
    handle: RawHandle,
    frozen: &mut Frozen,
) -> Result<Value> {
    let table = about.reference.map(|reference| (reference.table)());
    let registered = table.and_then(|def| core.runtime.named(def.name));
    let (Some(def), Some((index, registered))) = (table, registered) else {
        let table = table.map_or(about.table, |def| def.name);
        return Err(Error::new(ErrorKind::NotRegistered { table }));
    };
    if handle.session != core.id {
        return Err(about.misfit(&Value::Null, "the reference holds a handle of another session"));
    }
    match (registered.ops.key_of)(core, handle) {
        None => Err(about.misfit(
            &Value::Null,
            format!(
                "the {} that the reference waits for was deleted or left the session",
                def.name
            ),
        )),
        Some(key) if !key.is_null() => Ok(key),
        Some(_) => {
            let target = Place {
                table: index,
                slot: handle.slot,
            };
            frozen.pending.push(Pending {
                column,
                target,
                value: frozen.values.len(),
                nullable: about.nullable,
            });
            Ok(Value::Null)
        }
    }
}

/// Whether a timestamp was left as it is by default: NULL, or the epoch that chrono's types default to.
pub(super) fn is_unset_time<E: Entity>(entity: &E, column: usize) -> bool {
    match entity.encode(column) {
        Ok(Value::Null) => true,
        Ok(Value::DateTime(at)) => at == CivilDateTime::EPOCH,
        Ok(_) => false,
        // The zero date that the crate's own type defaults to cannot be encoded.
        Err(_) => true,
    }
}

/// Whether a column may hold less of a time than its field.
pub(super) fn has_time(about: &ColumnDef) -> bool {
    matches!(about.sql, SqlType::DateTime { .. } | SqlType::Time { .. })
}

/// A time as a column holds it.
pub(super) fn datetime(at: CivilDateTime, about: &ColumnDef) -> Value {
    match about.sql {
        SqlType::DateTime { digits } => Value::DateTime(at.cut(digits)),
        _ => Value::DateTime(at),
    }
}

/// A number as a column holds it.
pub(super) fn number(about: &ColumnDef, number: u64) -> Value {
    match about.sql {
        SqlType::Integer { signed: true, .. } => Value::Int(i64::try_from(number).unwrap_or(i64::MAX)),
        _ => Value::UInt(number),
    }
}

/// The version after this one.
pub(super) fn successor(version: &Value, about: &'static ColumnDef) -> Result<Value> {
    let SqlType::Integer { bytes, signed } = about.sql else {
        return Ok(version.clone());
    };
    let bits = u32::from(bytes) * 8 - u32::from(signed);
    let most = if bits >= 64 { u64::MAX } else { (1 << bits) - 1 };
    let next = match version {
        Value::UInt(v) if *v < most => Some(Value::UInt(v + 1)),
        Value::Int(v) if u64::try_from(*v).map_or(true, |v| v < most) => Some(Value::Int(v + 1)),
        _ => None,
    };
    next.ok_or_else(|| about.misfit(version, "the version cannot be counted further"))
}
