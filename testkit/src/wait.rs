//! Waiting for something with a deadline, by asking again and again.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(25);

/// What a condition given to [`wait_until`] may answer: `bool`, or `Option` to bring a value back.
pub trait Answer {
    /// What `wait_until` returns once the answer is yes.
    type Value;

    /// The value, if the wait is over.
    fn value(self) -> Option<Self::Value>;
}

impl Answer for bool {
    type Value = ();

    fn value(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Answer for Option<T> {
    type Value = T;

    fn value(self) -> Option<T> {
        self
    }
}

/// Asks `condition` until it says yes or `deadline` has passed.
///
/// It is asked at once, then after pauses that grow from 1 ms to 25 ms, and once more at the end.
/// `what` completes the sentence "waited 5s for …".
///
/// # Errors
///
/// [`Error::Deadline`], naming `what`.
///
/// # Example
///
/// ```
/// use std::time::{Duration, Instant};
/// use headwater_testkit::wait_until;
///
/// let start = Instant::now();
/// wait_until(Duration::from_secs(5), "ten milliseconds to pass", || {
///     start.elapsed() > Duration::from_millis(10)
/// })?;
/// let answer = wait_until(Duration::from_secs(5), "an answer", || Some(42))?;
/// assert_eq!(answer, 42);
/// # Ok::<(), headwater_testkit::Error>(())
/// ```
pub fn wait_until<A: Answer>(deadline: Duration, what: &str, mut condition: impl FnMut() -> A) -> Result<A::Value> {
    let start = Instant::now();
    let mut pause = SHORTEST;
    loop {
        let last = start.elapsed() >= deadline;
        if let Some(value) = condition().value() {
            return Ok(value);
        }
        if last {
            return Err(Error::Deadline {
                what: what.to_owned(),
                waited: deadline,
            });
        }
        thread::sleep(pause.min(deadline.saturating_sub(start.elapsed())));
        pause = (pause * 2).min(LONGEST);
    }
}
