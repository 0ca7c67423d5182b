//! What a test made the MySQL server do, read from the server's own general log.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mysql::Conn;
use mysql::prelude::Queryable;

use crate::error::{Context, Result};

const GUARD: &str = "headwater-testkit-log";
/// How many logs may be recording on one server at the same time.
const RECORDERS: usize = 64;

/// One line of the server's general log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statement {
    /// What the server was asked to do.
    pub kind: StatementKind,
    /// The statement as the server logs it: parameters of a prepared one appear as `?` where it was
    /// prepared and as literals where it was executed.
    pub text: String,
    /// The server's number of the connection.
    pub connection: u64,
}

/// What the server was asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatementKind {
    /// A connection was opened.
    Connect,
    /// A statement was sent as text and run.
    Query,
    /// A statement was prepared; nothing ran yet.
    Prepare,
    /// A prepared statement was run.
    Execute,
    /// A prepared statement was forgotten.
    Close,
    /// A connection was closed.
    Quit,
    /// Any other command, by the server's name for it: `Ping`, `Init DB`, `Reset connection`.
    Other(String),
}

impl StatementKind {
    fn parse(text: &str) -> Self {
        match text {
            "Connect" => Self::Connect,
            "Query" => Self::Query,
            "Prepare" => Self::Prepare,
            "Execute" => Self::Execute,
            "Close stmt" => Self::Close,
            "Quit" => Self::Quit,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl Statement {
    /// Whether a statement ran: it was sent as text, or prepared before and executed now.
    pub fn ran(&self) -> bool {
        matches!(self.kind, StatementKind::Query | StatementKind::Execute)
    }

    /// Whether it only sets or asks for settings of the connection, as drivers do when they connect.
    pub fn is_setting(&self) -> bool {
        let start: String = self.text.trim_start().chars().take(9).collect();
        let start = start.to_ascii_uppercase();
        start.starts_with("SET ") || start == "SELECT @@"
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            StatementKind::Other(kind) => write!(f, "{kind}: {}", self.text),
            kind => write!(f, "{kind:?}: {}", self.text),
        }
    }
}

/// A record of what the MySQL user of one [`Database`](crate::Database) makes the server do.
///
/// Everything that any connection of that user does is in it, in the order in which the server took
/// it up, and nothing that other tests do at the same time. A statement is in it before the client
/// has the answer; only the end of a connection, to which there is no answer, may show up late.
///
/// MariaDB writes one line for what was sent at once: several statements in one text are one, and so
/// is the bulk command with which the driver runs `exec_batch` there, whose text keeps its `?`.
/// Bytes that are no UTF-8 are replaced.
///
/// The general log of the server is switched on for it, to a table, and off with the last of all
/// records. A record of a server that was running before therefore ends a general log that somebody
/// else had switched on. It also ends with its server, when a test kills that.
#[derive(Debug)]
pub struct StatementLog {
    user: String,
    slot: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    root: Conn,
    skip: usize,
}

impl StatementLog {
    pub(crate) fn start(mut root: Conn, user: &str) -> Result<Self> {
        let slot = guarded(&mut root, |root| {
            let slot = take_slot(root)?;
            run(root, "SET GLOBAL log_output = 'TABLE'")?;
            run(root, "SET GLOBAL general_log = ON")?;
            Ok(slot)
        })?;
        let log = Self {
            user: user.to_owned(),
            slot,
            state: Mutex::new(State { root, skip: 0 }),
        };
        log.clear()?;
        Ok(log)
    }

    /// Everything logged since the start or the last [`clear`](Self::clear), in order.
    ///
    /// # Errors
    ///
    /// When the server cannot be asked.
    pub fn statements(&self) -> Result<Vec<Statement>> {
        let mut state = self.state();
        let skip = state.skip;
        Ok(self.read(&mut state)?.into_iter().skip(skip).collect())
    }

    /// The texts of what really ran, whether sent as text or prepared before, without the settings
    /// that drivers make when they connect.
    ///
    /// # Errors
    ///
    /// When the server cannot be asked.
    pub fn executed(&self) -> Result<Vec<String>> {
        let ran = self.statements()?.into_iter();
        Ok(ran
            .filter(|statement| statement.ran() && !statement.is_setting())
            .map(|statement| statement.text)
            .collect())
    }

    /// Forgets what was logged so far.
    ///
    /// # Errors
    ///
    /// When the server cannot be asked.
    pub fn clear(&self) -> Result<()> {
        let mut state = self.state();
        state.skip = self.read(&mut state)?.len();
        Ok(())
    }

    fn read(&self, state: &mut State) -> Result<Vec<Statement>> {
        // The log table has no key; it answers in the order in which it was written.
        let rows = state
            .root
            .query_opt::<(Vec<u8>, Vec<u8>, u64), _>(format!(
                "SELECT command_type, argument, thread_id FROM mysql.general_log \
                 WHERE LOCATE('[{}]', user_host) > 0",
                self.user
            ))
            .context(|| "read the general log".to_owned())?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(rows
            .into_iter()
            .flatten()
            .map(|(kind, argument, connection)| Statement {
                kind: StatementKind::parse(&text(kind)),
                text: text(argument),
                connection,
            })
            .collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StatementLog {
    fn drop(&mut self) {
        let mut state = self.state();
        let slot = &self.slot;
        let _ = guarded(&mut state.root, |root| {
            run(root, &format!("DO RELEASE_LOCK('{slot}')"))?;
            let others: Vec<String> = (0..RECORDERS)
                .map(|number| format!("IS_FREE_LOCK('{GUARD}-{number}')"))
                .collect();
            if ask(root, &format!("SELECT {}", others.join(" AND ")))? == Some(1) {
                run(root, "SET GLOBAL general_log = OFF")?;
            }
            Ok(())
        });
    }
}

/// Runs a step that no other recorder, of whatever process, may run at the same time.
fn guarded<T>(root: &mut Conn, step: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    ask(root, &format!("SELECT GET_LOCK('{GUARD}', 60)"))?;
    let outcome = step(root);
    run(root, &format!("DO RELEASE_LOCK('{GUARD}')"))?;
    outcome
}

/// Marks this connection as one that records; the server takes the mark back if it is lost.
fn take_slot(root: &mut Conn) -> Result<String> {
    for number in 0..RECORDERS {
        let slot = format!("{GUARD}-{number}");
        if ask(root, &format!("SELECT GET_LOCK('{slot}', 0)"))? == Some(1) {
            return Ok(slot);
        }
    }
    Err(std::io::Error::other(format!("{RECORDERS} records are running"))).context(|| "record statements".to_owned())
}

fn run(root: &mut Conn, statement: &str) -> Result<()> {
    root.query_drop(statement)
        .context(|| format!("run `{statement}` as the administrator"))
}

fn ask(root: &mut Conn, query: &str) -> Result<Option<i64>> {
    let answer = root
        .query_first_opt::<Option<i64>, _>(query)
        .context(|| "coordinate the records of this server".to_owned())?;
    Ok(answer.and_then(std::result::Result::ok).flatten())
}
