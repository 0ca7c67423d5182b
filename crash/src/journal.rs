//! The log of a run: what was done when, kept in a file when the run fails.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Failure;
use crate::options::Options;

/// A file of lines, each with the time since the start.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    start: Instant,
}

impl Journal {
    pub(crate) fn new(options: &Options) -> Result<Self, Failure> {
        let name = format!(
            "headwater-crash-{}-{}-{}.log",
            options.mode.name(),
            options.seed,
            std::process::id()
        );
        let path = std::env::temp_dir().join(name);
        let file = Mutex::new(File::create(&path)?);
        let journal = Journal {
            path,
            file,
            start: Instant::now(),
        };
        // The ids of entries begin with the time.
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        journal.note(&format!("the clock is at {} ms", now.as_millis()));
        Ok(journal)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn note(&self, text: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not end the run that it is the log of.
        let _ = writeln!(file, "{:9.3} {text}", self.elapsed().as_secs_f64());
    }

    /// As [`note`](Journal::note), and on the screen.
    pub(crate) fn say(&self, text: &str) {
        println!("{text}");
        self.note(text);
    }

    /// Nobody needs it.
    pub(crate) fn remove(self) {
        // What is left in the temporary folder harms nobody.
        let _ = fs::remove_file(&self.path);
    }

    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }
}
