//! Waiting longer after each failure in a row, and never in step with others.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// How long to wait before the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    /// The wait after the first failure.
    pub(crate) first: Duration,
    /// The longest wait.
    pub(crate) longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            first: Duration::from_millis(50),
            longest: Duration::from_secs(5),
        }
    }
}

impl Backoff {
    /// The wait after this many failures in a row: doubled for each, and a random part of it taken
    /// off (up to a half), so that many processes do not come back at once.
    pub(crate) fn after(&self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(20));
        let whole = doubled.min(self.longest);
        let part = RandomState::new().build_hasher().finish() % 512;
        whole - whole.mul_f64(part as f64 / 1024.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let backoff = Backoff {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(1),
        };
        for (failures, most) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (50, 1000)] {
            let wait = backoff.after(failures);
            assert!(wait <= Duration::from_millis(most), "{failures}: {wait:?}");
            assert!(wait >= Duration::from_millis(most / 2), "{failures}: {wait:?}");
        }
    }
}
