//! Writes rows of the outbox to Redis, with their markers, and reads what became of them.

use super::lease::Epoch;
use crate::redis::{Commands, Failure, Link, Refusal, Reply, Script, lua};
use crate::stream::Outgoing;
use crate::stream::retention::Bounds;
use crate::table::Value;

lua!(RELAY, include_str!("../../redis/scripts/relay.lua"));

/// The identity of a row, for its marker: no two rows ever have the same, whatever happens to their ids.
pub(super) type Batch = [u8; 16];

/// A row whose events go to Redis.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) id: u64,
    pub(super) batch: Batch,
    pub(super) created_at: Value,
    pub(super) events: Vec<Outgoing>,
}

/// What became of a batch of rows.
#[derive(Debug)]
pub(super) enum Written {
    /// A later lease than ours wrote already: nothing was done.
    Fenced(u64),
    /// Each row as far as it came.
    Rows {
        rows: Vec<Progress>,
        /// What stood in the way of the rest.
        obstacle: Option<Failure>,
        /// Unread entries that the bounds of a stream cut.
        trimmed: Vec<(String, Result<u64, Failure>)>,
    },
}

/// How far a row is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The number of events that are done.
    pub(super) done: usize,
    /// Of these, the positions of those that their stream will never take, with its error.
    pub(super) refused: Vec<(usize, String)>,
}

/// Writes rows and forgets markers, all in one script.
pub(super) fn write(
    link: &mut Link,
    markers: &[u8],
    epoch: Epoch,
    forget: &[Batch],
    rows: &[Unpacked],
) -> Result<Written, Failure> {
    let mut commands = Commands::new();
    let mut bounds: Vec<Bounds> = Vec::new();
    pack(&mut commands, markers, epoch, forget, rows);
    for event in rows.iter().flat_map(|row| &row.events) {
        let is_known = bounds.iter().any(|bound| bound.stream == event.stream);
        if !is_known && let Some(bound) = Bounds::of(event) {
            bound.pack(&mut commands);
            bounds.push(bound);
        }
    }
    let mut replies = link.run(&commands)?.into_iter();
    let mut answer = replies.next().unwrap_or(Reply::Nil);
    if Script::is_missing(&answer) {
        let mut commands = Commands::new();
        RELAY.load(&mut commands);
        pack(&mut commands, markers, epoch, forget, rows);
        answer = link.run(&commands)?.pop().unwrap_or(Reply::Nil);
    }
    let answer = link.check(answer)?;
    let trimmed = bounds
        .into_iter()
        .zip(replies)
        .map(|(bound, reply)| {
            let unread = bound.cut(link, reply);
            (bound.stream, unread)
        })
        .collect();
    let nonsense = || Failure::nonsense(link.pool(), "the relay's script");
    let mut parts = answer.list().ok_or_else(nonsense)?.into_iter();
    match parts.next().and_then(|first| first.int()) {
        Some(0) => {
            let latest = parts.next().and_then(|epoch| epoch.int()).ok_or_else(nonsense)?;
            Ok(Written::Fenced(latest.unsigned_abs()))
        }
        Some(1) => {
            let obstacle = parts.next().and_then(Reply::string).ok_or_else(nonsense)?;
            let obstacle = (!obstacle.is_empty()).then(|| refused(link, &obstacle));
            let states = parts.next().and_then(Reply::list).ok_or_else(nonsense)?;
            let states: Option<Vec<Progress>> = states.iter().map(|state| progress(state.text()?)).collect();
            let rows = states
                .filter(|states| states.len() == rows.len())
                .ok_or_else(nonsense)?;
            Ok(Written::Rows {
                rows,
                obstacle,
                trimmed,
            })
        }
        _ => Err(nonsense()),
    }
}

fn pack(commands: &mut Commands, markers: &[u8], epoch: Epoch, forget: &[Batch], rows: &[Unpacked]) {
    let mut keys: Vec<&str> = Vec::new();
    let events = || rows.iter().flat_map(|row| &row.events);
    for event in events() {
        if !keys.contains(&event.stream.as_ref()) {
            keys.push(&event.stream);
        }
    }
    let words = |event: &Outgoing| 2 + 2 * usize::from(!event.id.is_empty()) + 2 * event.tags.len();
    let args = 3 + forget.len() + 2 * rows.len() + events().map(|event| 2 + words(event)).sum::<usize>();
    RELAY.begin(commands, 1 + keys.len(), args).arg(markers);
    for key in &keys {
        commands.arg(key);
    }
    commands.number(epoch.0).number(forget.len() as u64);
    for batch in forget {
        commands.arg(batch);
    }
    commands.number(rows.len() as u64);
    for row in rows {
        commands.arg(row.batch).number(row.events.len() as u64);
        for event in &row.events {
            // Lua counts from 1, and the markers come first.
            let key = keys.iter().position(|key| *key == event.stream).unwrap_or_default() + 2;
            commands.number(key as u64).number(words(event) as u64);
            commands.arg("s").arg(&event.payload);
            if !event.id.is_empty() {
                commands.arg("e").arg(&event.id);
            }
            for (name, value) in &event.tags {
                commands.arg(name).arg(value);
            }
        }
    }
}

/// The markers there are.
pub(super) fn markers(link: &mut Link, markers: &[u8]) -> Result<Vec<Batch>, Failure> {
    let answer = link.ask(&Commands::one(&[b"HKEYS", markers]))?;
    let fields = answer.list().unwrap_or_default();
    // The epoch stands beside them.
    Ok(fields
        .into_iter()
        .filter_map(|field| Batch::try_from(field.bytes()?).ok())
        .collect())
}

fn refused(link: &Link, text: &str) -> Failure {
    let (code, detail) = text.split_once(' ').unwrap_or((text, ""));
    Failure::Refused {
        pool: link.pool().clone(),
        refusal: Refusal {
            code: code.trim_start_matches('-').to_owned(),
            detail: detail.to_owned(),
        },
    }
}

fn progress(state: &str) -> Option<Progress> {
    let mut lines = state.split('\n');
    let done = lines.next()?.parse().ok()?;
    let refused = lines
        .map(|line| {
            let (position, error) = line.split_once(' ')?;
            Some((position.parse().ok()?, error.to_owned()))
        })
        .collect::<Option<_>>()?;
    Some(Progress { done, refused })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_row_is_read() {
        let read = |state: &str| progress(state);
        assert_eq!(
            read("7"),
            Some(Progress {
                done: 7,
                refused: Vec::new()
            })
        );
        let refused = vec![(0, "WRONGTYPE Operation".to_owned()), (12, "ERR x".to_owned())];
        assert_eq!(
            read("13\n0 WRONGTYPE Operation\n12 ERR x"),
            Some(Progress { done: 13, refused })
        );
        for wrong in ["", "x", "3\n", "3\nx WRONGTYPE", "3\n4"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
