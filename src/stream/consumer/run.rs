//! The loop that consumes until it is told to stop.

use std::time::{Duration, Instant};

use super::builder::{GIVEN_NAMES, SINGLE};
use super::event::Event;
use super::pass::{Handler, Manner};
use super::scripts::FORGET;
use super::waiting::MOST;
use super::{Consumer, HandlerResult, Trouble};
use crate::error::{Error, ErrorKind, Result};
use crate::redis::Failure;
use crate::stream::backoff::Backoff;
use crate::stream::shutdown::Shutdown;

/// How long a read blocks: the longest that a request to stop goes unnoticed.
const BLOCK: Duration = Duration::from_millis(500);

/// The waits while Redis is away.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(50),
    longest: Duration::from_secs(5),
};

impl Consumer {
    /// Consumes until it is told to stop, then acknowledges what was handled and returns.
    ///
    /// As [`consume`](Consumer::consume), over and over; beside it
    ///
    /// - takes over what other consumers of the group left behind (see
    ///   [`claim_after`](super::ConsumerBuilder::claim_after)),
    /// - waits longer after each failure of the same event before it delivers it again,
    /// - waits for Redis when it is away, and makes the group anew when it was deleted.
    ///
    /// The errors that it gets over go to [`on_error`](super::ConsumerBuilder::on_error).
    ///
    /// ```no_run
    /// # fn example(mut consumer: headwater::stream::Consumer) -> headwater::Result<()> {
    /// use headwater::stream::Shutdown;
    ///
    /// let shutdown = Shutdown::new();
    /// let stop = shutdown.clone();
    /// std::thread::spawn(move || {
    ///     std::io::stdin().read_line(&mut String::new()).ok();
    ///     stop.request();
    /// });
    /// consumer.run(&shutdown, |events| {
    ///     println!("{} events", events.len());
    ///     Ok(())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When waiting would not help: the stream's key holds something else, the user may not run a
    /// command. When Redis is away at the end, so that the last acknowledgements could not be made.
    pub fn run<H>(&mut self, shutdown: &Shutdown, mut handler: H) -> Result<()>
    where
        H: FnMut(&[Event]) -> HandlerResult,
    {
        let mut failures = 0;
        let mut next_round = Instant::now();
        while !shutdown.is_requested() {
            match self.turn(&mut next_round, &mut handler) {
                Ok(()) => failures = 0,
                Err(Trouble::Handler(error)) => {
                    failures = 0;
                    self.tell(&error);
                }
                // By a signal; the answer that was waited for is among the pending entries.
                Err(Trouble::Redis(failure)) if failure.is_interrupted() => {}
                Err(Trouble::Redis(failure)) if failure.heals() => {
                    failures += 1;
                    if failures == 1 || failures % 10 == 0 {
                        self.tell(&failure.into());
                    }
                    shutdown.sleep(BACKOFF.after(failures));
                }
                Err(trouble) => return Err(trouble.into()),
            }
        }
        Ok(self.settle_acks()?)
    }

    fn turn(&mut self, next_round: &mut Instant, handler: Handler<'_>) -> Result<(), Trouble> {
        if *next_round <= Instant::now() {
            self.look_after()?;
            *next_round = Instant::now() + (self.settings.claim_after / 4).clamp(SHORTEST_ROUND, LONGEST_ROUND);
        }
        self.pass(self.settings.batch, BLOCK, Manner::Loop, handler)?;
        Ok(())
    }

    /// Keeps the entries that wait here from being taken over, takes over those of the departed and
    /// forgets their names, and keeps the stream within its bounds.
    fn look_after(&mut self) -> Result<(), Failure> {
        let ids = self.waiting.ids();
        for ids in ids.chunks(1000) {
            self.with_link(|group, link, name| group.keep(link, name, ids))?;
        }
        self.settle_acks()?;
        self.claim_idle()?;
        self.forget()?;
        self.trim()
    }

    fn claim_idle(&mut self) -> Result<(), Failure> {
        let idle = self.settings.claim_after;
        let mut after = None;
        while self.waiting.len() < MOST {
            let (next, pending) = self.with_link(|group, link, name| group.claim(link, name, idle, after, 100))?;
            self.admit(pending)?;
            match next {
                Some(id) => after = Some(id),
                None => break,
            }
        }
        Ok(())
    }

    /// Every consumer that is started has a new name; those without events that are not heard of any
    /// more would pile up in the group.
    fn forget(&mut self) -> Result<(), Failure> {
        let idle = self.settings.forget_after.as_millis().to_string();
        self.with_link(|group, link, name| {
            let own: &[u8] = name.as_bytes();
            let args = [
                group.name.as_bytes(),
                idle.as_bytes(),
                GIVEN_NAMES.as_bytes(),
                SINGLE.as_bytes(),
                own,
            ];
            FORGET.run(link, &[group.stream.as_bytes()], &args)
        })?;
        Ok(())
    }

    fn trim(&mut self) -> Result<(), Failure> {
        let Some(bounds) = self.settings.bounds.clone() else {
            return Ok(());
        };
        let unread = self.with_link(|_, link, _| bounds.trim(link))?;
        if unread > 0 {
            self.tell(&Error::new(ErrorKind::Redis {
                pool: self.group.pool.name().to_string(),
                message: format!(
                    "stream `{}`: {unread} unread entries were cut by its bounds",
                    bounds.stream
                ),
                source: None,
            }));
        }
        Ok(())
    }

    pub(super) fn tell(&self, error: &Error) {
        if let Some(handler) = &self.settings.on_error {
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handler(error)));
        }
    }
}

const SHORTEST_ROUND: Duration = Duration::from_millis(10);
const LONGEST_ROUND: Duration = Duration::from_secs(15);
