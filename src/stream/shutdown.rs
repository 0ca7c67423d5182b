//! Telling loops to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// Tells `run` loops to stop; all clones are one.
///
/// ```
/// use headwater::stream::Shutdown;
///
/// let shutdown = Shutdown::new();
/// let other = shutdown.clone();
/// other.request();
/// assert!(shutdown.is_requested());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    flag: Arc<AtomicBool>,
}

/// How long a sleeping loop does not look at the flag.
const NAP: Duration = Duration::from_millis(25);

impl Shutdown {
    /// One that nobody has asked for yet.
    ///
    /// ```
    /// assert!(!headwater::stream::Shutdown::new().is_requested());
    /// ```
    pub fn new() -> Self {
        Shutdown::default()
    }

    /// Asks all loops that have a clone of it to stop after the batch they are at.
    ///
    /// ```
    /// let shutdown = headwater::stream::Shutdown::new();
    /// shutdown.request();
    /// ```
    pub fn request(&self) {
        self.flag.store(true, SeqCst);
    }

    /// Whether it was asked for.
    ///
    /// ```
    /// assert!(!headwater::stream::Shutdown::new().is_requested());
    /// ```
    pub fn is_requested(&self) -> bool {
        self.flag.load(SeqCst)
    }

    /// The flag behind it, for what can only set a flag, such as a signal handler.
    ///
    /// ```
    /// use std::sync::atomic::Ordering;
    ///
    /// let shutdown = headwater::stream::Shutdown::new();
    /// shutdown.flag().store(true, Ordering::SeqCst);
    /// assert!(shutdown.is_requested());
    /// ```
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }

    /// Sleeps this long, or until it is asked for.
    pub(crate) fn sleep(&self, time: Duration) {
        let start = Instant::now();
        while !self.is_requested() {
            let left = time.saturating_sub(start.elapsed());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(NAP));
        }
    }
}

impl From<Arc<AtomicBool>> for Shutdown {
    fn from(flag: Arc<AtomicBool>) -> Self {
        Shutdown { flag }
    }
}
