//! Which rows were not as the session knew them, for the error of an optimistic lock.

use std::collections::HashMap;

use super::frozen::{Change, Frozen};
use super::sql;
use super::strategy::MOST_ROWS;
use crate::error::{Error, ErrorKind};
use crate::mysql::{Connection, Params};
use crate::table::{SqlType, TableDef, Value};

/// The error that names the rows that are not as the session knows them. The flush that met them is taken back.
pub(super) fn stale(connection: &mut Connection, frozen: &Frozen, chunk: &[usize]) -> Error {
    let Some(first) = chunk.first().map(|&i| &frozen.changes[i]) else {
        return Error::new(ErrorKind::Stale {
            table: "",
            keys: Vec::new(),
        });
    };
    let def = first.def;
    let named = |rows: &mut dyn Iterator<Item = &Change>| -> Error {
        let keys = rows.map(|change| name(def, &change.key)).collect();
        Error::new(ErrorKind::Stale { table: def.name, keys })
    };
    let mut all = chunk.iter().map(|&i| &frozen.changes[i]);
    if chunk.len() == 1 {
        return named(&mut all);
    }
    let mut found: HashMap<Vec<u8>, Option<Vec<u8>>> = HashMap::with_capacity(chunk.len());
    let mut look = |rows: &[usize]| {
        let params = Params::of(rows.iter().map(|&i| frozen.changes[i].key.clone()));
        connection.select(&sql::look_again(def, rows.len()), params, def.name, &mut |row| {
            let values = row.values();
            found.insert(values.first().map(plain).unwrap_or_default(), values.get(1).map(plain));
            Ok(())
        })
    };
    let looked = chunk.chunks(MOST_ROWS).try_for_each(&mut look);
    if looked.is_err() {
        // Somebody holds one of them, for example: which one it is cannot be told.
        return named(&mut all);
    }
    let is_stale = |change: &&Change| match (found.get(&plain(&change.key)), &change.version) {
        (None, _) => true,
        (Some(Some(version)), Some(expected)) => *version != plain(expected),
        (Some(_), _) => false,
    };
    let mut stale = all.clone().filter(is_stale).peekable();
    // Somebody may have put things right meanwhile.
    if stale.peek().is_some() {
        named(&mut stale)
    } else {
        named(&mut all)
    }
}

/// A key or version as bytes, whichever of the forms it came in.
fn plain(value: &Value) -> Vec<u8> {
    match value {
        Value::Text(text) => text.clone().into_bytes(),
        Value::Bytes(bytes) => bytes.clone(),
        other => other.to_string().into_bytes(),
    }
}

/// A key as its entity shows it.
fn name(def: &TableDef, key: &Value) -> String {
    match key {
        Value::Text(text) => text.clone(),
        Value::Bytes(bytes) if def.key().sql == SqlType::Uuid && bytes.len() == 16 => {
            let hex = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let parts = [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]];
            parts.map(hex).join("-")
        }
        other => other.to_string(),
    }
}
