//! Keeps the servers' threads on the processor of the bench.
//!
//! On a small machine a wake-up of another processor costs more than a statement, and at random. `cargo xtask bench`
//! says which processor the bench is to use; the threads of the servers' connections follow it there.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use headwater_testkit::Database;
use mysql::prelude::Queryable;

/// The environment variable with the number of the processor.
pub(crate) const PROCESSOR: &str = "HEADWATER_BENCH_CPU";

/// Where this process ran at first, as in `0-1`.
static FREE: LazyLock<Option<String>> = LazyLock::new(|| {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(list.trim().to_owned())
});

/// Lets this process run where it could at first: before servers are started, which inherit it.
pub(crate) fn free_this() {
    if let Some(processors) = &*FREE {
        taskset(processors, &["-a", "-p"], u64::from(std::process::id()));
    }
}

/// Brings this process to its processor: after the servers were started, whose own threads stay free.
pub(crate) fn pin_this() {
    if let Ok(processor) = std::env::var(PROCESSOR) {
        taskset(&processor, &["-a", "-p"], u64::from(std::process::id()));
    }
}

/// Brings the threads of the database's connections, which must be open by now, to the bench's processor.
/// And the whole Redis server, if it is `own`: there is nobody to give its other processors back to it. It is brought to
/// another processor where it is to be `apart`.
pub(crate) fn pin(database: &Database, own: bool, apart: bool) {
    let Ok(processor) = std::env::var(PROCESSOR) else {
        return;
    };
    for thread in threads(database).unwrap_or_default() {
        taskset(&processor, &["-p"], thread);
    }
    if own && let Some(server) = redis(database) {
        let processor = if apart { another(&processor) } else { &processor };
        taskset(processor, &["-a", "-p"], server);
    }
}

/// Another processor than this one.
fn another(processor: &str) -> &'static str {
    if processor == "0" { "1" } else { "0" }
}

/// Brings this process's threads of this name to another processor, where there is one.
pub(crate) fn apart(name: &str) {
    let Ok(own) = std::env::var(PROCESSOR) else {
        return;
    };
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return;
    };
    for task in tasks.flatten() {
        let is_named = std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name);
        if let Some(number) = task
            .file_name()
            .to_str()
            .and_then(|number| number.parse().ok())
            .filter(|_| is_named)
        {
            taskset(another(&own), &["-p"], number);
        }
    }
}

/// The operating system's numbers of the threads that serve the connections to this database.
fn threads(database: &Database) -> Option<BTreeSet<u64>> {
    let mut root = database.root().ok()?;
    let name = database.name();
    let found = root
        .exec("SELECT TID FROM information_schema.PROCESSLIST WHERE USER = ?", (name,))
        .or_else(|_| {
            let sql = "SELECT THREAD_OS_ID FROM performance_schema.threads WHERE PROCESSLIST_USER = ?";
            root.exec(sql, (name,))
        });
    Some(found.ok()?.into_iter().collect())
}

/// The process of the Redis server.
fn redis(database: &Database) -> Option<u64> {
    let mut connection = database.redis().ok()?;
    let info: String = headwater_testkit::redis::cmd("INFO")
        .arg("server")
        .query(&mut connection)
        .ok()?;
    info.lines()
        .find_map(|line| line.strip_prefix("process_id:")?.trim().parse().ok())
}

fn taskset(processor: &str, options: &[&str], number: u64) {
    // A server on another machine has no such thread here, or not one that may be moved.
    let _ = Command::new("taskset")
        .args(options)
        .args(["-c", processor, &number.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}
