//! The run's databases: tables, the triggers that keep the log of what is committed, and reading log and streams.

use std::collections::BTreeMap;

use headwater::prelude::*;
use headwater::stream::EntityId;
use headwater_testkit::mysql::prelude::Queryable;
use headwater_testkit::mysql::{Conn, Value};
use headwater_testkit::{Database, redis};

use crate::Failure;
use crate::compare::Found;
use crate::truth::{Kind, Line, RULES};

/// Each line is written in the transaction of the change, under the row's lock. `UUID_SHORT` grows within a server's
/// life and from one to the next, and needs no lock as AUTO_INCREMENT does in a trigger.
const LOG: &str = "
CREATE TABLE change_log (
    seq BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    tbl VARCHAR(10) NOT NULL,
    id VARCHAR(30) NOT NULL,
    kind CHAR(1) NOT NULL,
    old_op VARCHAR(60),
    new_op VARCHAR(60),
    old_level INT,
    new_level INT,
    old_gone BOOLEAN NOT NULL,
    new_gone BOOLEAN NOT NULL
)";

/// The tables, and what tells that a row is marked as deleted.
const TABLES: [(&str, Option<&str>); 3] = [("orders", None), ("notes", Some("deleted_at")), ("stock", None)];

/// Makes the tables that the engine wants, and log and triggers.
pub(crate) fn prepare(engine: &Engine, database: &Database) -> Result<(), Failure> {
    engine.schema().diff()?.apply()?;
    let mut root = database.root()?;
    root.query_drop(LOG)?;
    for (table, gone) in TABLES {
        for (kind, sides) in [("INSERT", "N"), ("UPDATE", "ON"), ("DELETE", "O")] {
            let old = |column: &str| match sides.contains('O') {
                true => format!("OLD.{column}"),
                false => "NULL".to_owned(),
            };
            let new = |column: &str| match sides.contains('N') {
                true => format!("NEW.{column}"),
                false => "NULL".to_owned(),
            };
            let id = if sides.contains('N') { new("id") } else { old("id") };
            let (old_gone, new_gone) = match gone {
                Some(column) => (old(column), new(column)),
                None => ("NULL".to_owned(), "NULL".to_owned()),
            };
            root.query_drop(format!(
                "CREATE TRIGGER {table}_{kind} AFTER {kind} ON {table} FOR EACH ROW INSERT INTO change_log VALUES \
                 (UUID_SHORT(), '{table}', {id}, '{}', {}, {}, {}, {}, {old_gone} IS NOT NULL, {new_gone} IS NOT NULL)",
                &kind[..1],
                old("op"),
                new("op"),
                old("level"),
                new("level"),
            ))?;
        }
    }
    Ok(())
}

/// No fewer changes than these are committed: deletes of rows are not counted.
pub(crate) fn at_least_committed(root: &mut Conn) -> Result<u64, Failure> {
    let count = root.query_first_opt::<u64, _>("SELECT COUNT(DISTINCT tbl, id, new_op) FROM change_log")?;
    Ok(count.transpose().ok().flatten().unwrap_or_default())
}

/// How many lines the log has.
pub(crate) fn lines(root: &mut Conn) -> Result<u64, Failure> {
    let count = root.query_first_opt::<u64, _>("SELECT COUNT(*) FROM change_log")?;
    Ok(count.transpose().ok().flatten().unwrap_or_default())
}

/// How many rows the outbox has.
pub(crate) fn outbox(root: &mut Conn) -> Result<u64, Failure> {
    let count = root.query_first_opt::<u64, _>("SELECT COUNT(*) FROM _headwater_outbox")?;
    Ok(count.transpose().ok().flatten().unwrap_or_default())
}

/// The whole log, in the order in which it was written.
pub(crate) fn log(root: &mut Conn) -> Result<Vec<Line>, Failure> {
    let rows = root.query_iter(
        "SELECT tbl, id, kind, old_op, new_op, old_level, new_level, old_gone, new_gone FROM change_log ORDER BY seq",
    )?;
    let mut lines = Vec::new();
    for row in rows {
        lines.push(line(row?.unwrap())?);
    }
    Ok(lines)
}

fn line(values: Vec<Value>) -> Result<Line, Failure> {
    let text = |at: usize| match values.get(at) {
        Some(Value::Bytes(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    };
    let number = |at: usize| text(at).and_then(|text| text.parse::<i32>().ok());
    let known = |at: usize| text(at).ok_or("a line of the log is not as it was made");
    Ok(Line {
        table: known(0)?,
        row: known(1)?,
        kind: match known(2)?.as_str() {
            "I" => Kind::Insert,
            "U" => Kind::Update,
            _ => Kind::Delete,
        },
        ops: (text(3), text(4)),
        levels: (number(5), number(6)),
        gone: (number(7) == Some(1), number(8) == Some(1)),
    })
}

/// The streams' names, each once.
fn streams() -> Vec<&'static str> {
    let mut names: Vec<&str> = RULES.iter().map(|rule| rule.stream).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// How many entries all streams have together.
pub(crate) fn entries(redis: &mut redis::Connection) -> Result<u64, Failure> {
    let mut count = 0;
    for stream in streams() {
        count += redis::cmd("XLEN").arg(stream).query::<u64>(redis)?;
    }
    Ok(count)
}

/// How many operations wait to be executed, and how many were put aside as impossible.
pub(crate) fn queued(redis: &mut redis::Connection) -> Result<(u64, u64), Failure> {
    let mut length = |stream: &str| redis::cmd("XLEN").arg(stream).query::<u64>(redis);
    Ok((length("_fluxa_async_sql")?, length("_fluxa_async_sql_failed")?))
}

/// Every entry of every stream, in order. No group reads them, so that none is deleted.
pub(crate) fn events(redis: &mut redis::Connection) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    for stream in streams() {
        let mut from = "-".to_owned();
        loop {
            let entries: redis::streams::StreamRangeReply = redis::cmd("XRANGE")
                .arg(stream)
                .arg(&from)
                .arg("+")
                .arg("COUNT")
                .arg(1000)
                .query(redis)?;
            let Some(last) = entries.ids.last() else { break };
            from = format!("({}", last.id);
            for entry in &entries.ids {
                found.push(event(stream, &entry.id, &entry.map)?);
            }
        }
    }
    Ok(found)
}

fn event(
    stream: &str,
    entry: &str,
    fields: &std::collections::HashMap<String, redis::Value>,
) -> Result<Found, Failure> {
    let field = |name: &str| match fields.get(name) {
        Some(redis::Value::BulkString(bytes)) => Ok(bytes.as_slice()),
        _ => Err(format!("{stream} {entry} has no field {name}")),
    };
    let dirty = DirtyEvent::from_bytes(field("s")?)?;
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Ok(Found {
        stream: stream.to_owned(),
        row: match &dirty.entity_id {
            EntityId::Text(key) => key.clone(),
            number => number.to_string(),
        },
        flush: dirty.flush_type,
        ops: dirty
            .change_of("op")
            .map(|change| (text(change.old.as_str()), text(change.new.as_str()))),
        table: dirty.entity_type,
        id: String::from_utf8_lossy(field("e")?).into_owned(),
        entry: entry.to_owned(),
    })
}

/// How many rows the tables hold, for the report.
pub(crate) fn sizes(root: &mut Conn) -> Result<BTreeMap<&'static str, u64>, Failure> {
    let mut sizes = BTreeMap::new();
    for (table, _) in TABLES {
        let count = root.query_first_opt::<u64, _>(format!("SELECT COUNT(*) FROM {table}"))?;
        sizes.insert(table, count.transpose().ok().flatten().unwrap_or_default());
    }
    Ok(sizes)
}
