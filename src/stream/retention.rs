//! Keeping streams within their bounds (`max_len`, `max_age`), and counting what is lost by it.

use std::time::Duration;

use super::declaration::Stream;
use super::outgoing::Outgoing;
use crate::redis::{Commands, Failure, Link, Reply, Script, lua};

lua!(TRIM, include_str!("../redis/scripts/trim.lua"));

/// The bounds of a stream, as words of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) stream: String,
    max_len: String,
    max_age: String,
}

impl Bounds {
    /// The bounds of the stream that an event goes to, where it has some.
    pub(crate) fn of(event: &Outgoing) -> Option<Bounds> {
        Bounds::new(&event.stream, event.max_len, event.max_age)
    }

    /// The bounds of a stream, where it has some.
    pub(crate) fn of_stream(stream: &Stream) -> Option<Bounds> {
        Bounds::new(stream.name(), stream.longest(), stream.oldest())
    }

    fn new(stream: &str, max_len: Option<u64>, max_age: Option<Duration>) -> Option<Bounds> {
        if max_len.is_none() && max_age.is_none() {
            return None;
        }
        Some(Bounds {
            stream: stream.to_string(),
            max_len: max_len.map_or("-1".into(), |entries| entries.to_string()),
            max_age: max_age.map_or("-1".into(), milliseconds),
        })
    }

    /// Packs the trimming; the answer goes to [`cut`](Bounds::cut).
    pub(crate) fn pack(&self, commands: &mut Commands) {
        TRIM.begin(commands, 1, 2)
            .arg(&self.stream)
            .arg(&self.max_len)
            .arg(&self.max_age);
    }

    /// Reads the answer to `pack`: how many entries were cut that some group had not acknowledged.
    pub(crate) fn cut(&self, link: &mut Link, reply: Reply) -> Result<u64, Failure> {
        if Script::is_missing(&reply) {
            return self.trim(link);
        }
        Ok(unread(link.check(reply)?))
    }

    /// Trims the stream.
    pub(crate) fn trim(&self, link: &mut Link) -> Result<u64, Failure> {
        let args = [self.max_len.as_bytes(), self.max_age.as_bytes()];
        Ok(unread(TRIM.run(link, &[self.stream.as_bytes()], &args)?))
    }
}

fn unread(reply: Reply) -> u64 {
    match reply {
        Reply::List(list) => list.get(1).and_then(Reply::int).unwrap_or(0).unsigned_abs(),
        _ => 0,
    }
}

fn milliseconds(age: Duration) -> String {
    age.as_millis().min(u128::from(u64::MAX / 4)).to_string()
}
