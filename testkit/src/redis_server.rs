//! A private Redis or Valkey server: how it is started, broken and revived.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use redis::Connection;

use crate::error::{Context, Result};
use crate::servers::Settings;
use crate::supervisor::Supervisor;
use crate::wait::wait_until;
use crate::{port, program};

const SERVER: &str = "Redis server";
const STARTING: Duration = Duration::from_secs(60);
const PORTS_TO_TRY: usize = 5;

/// A Redis or Valkey server that testkit started, to be broken on purpose.
///
/// What ends or starts it returns when that is done. Dropping the [`Servers`] it belongs to ends it
/// and removes its data. Unless it was built durable, what it holds is lost when it ends.
///
/// [`Servers`]: crate::Servers
#[derive(Debug)]
pub struct RedisServer {
    supervisor: Supervisor,
    port: u16,
}

impl RedisServer {
    pub(crate) fn start(settings: Settings) -> Result<Self> {
        let program = program::redis_program()?;
        let supervisor = Supervisor::new("headwater-redis-")?;
        let data = supervisor.folder().join("data");
        fs::create_dir(&data).context(|| format!("make the folder {}", data.display()))?;
        let mut server = Self { supervisor, port: 0 };
        for attempt in 1.. {
            server.port = port::free()?;
            let arguments = server.arguments(settings);
            server.supervisor.launch(&program, &arguments)?;
            match server.wait_until_it_answers() {
                Ok(()) => break,
                Err(_) if attempt < PORTS_TO_TRY && server.found_its_port_taken() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(server)
    }

    /// The loopback port it listens on, before and after [`start_again`](Self::start_again).
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it at once by SIGKILL, as a crash would.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`](crate::Error::Deadline) when it does not end.
    pub fn kill(&self) -> Result<()> {
        self.supervisor.kill(SERVER)
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`](crate::Error::Deadline) when it does not end.
    pub fn stop(&self) -> Result<()> {
        self.supervisor.stop(SERVER)
    }

    /// Starts it on the same port and data after [`kill`](Self::kill) or [`stop`](Self::stop), and
    /// waits until it answers. Nothing happens when it runs.
    ///
    /// The end of a transaction that was being written to the append-only file is taken out of it before: the server
    /// itself takes out the last command only, and the next start but one completes what is left of the transaction.
    ///
    /// # Errors
    ///
    /// [`Error::Start`](crate::Error::Start), with the end of its log.
    pub fn start_again(&self) -> Result<()> {
        if self.supervisor.ended().is_some() {
            self.repair()?;
            self.supervisor.launch_again()?;
        }
        self.wait_until_it_answers()
    }

    /// What an administrator does after a crash: `redis-check-aof --fix`.
    fn repair(&self) -> Result<()> {
        let files = self.supervisor.folder().join("data").join("appendonlydir");
        let manifest = files.join("appendonly.aof.manifest");
        let tool = program::redis_program()?
            .to_string_lossy()
            .replace("-server", "-check-aof");
        if !manifest.exists() || !Path::new(&tool).exists() {
            return Ok(());
        }
        let context = || format!("run {tool}");
        let mut child = Command::new(&tool)
            .arg("--fix")
            .arg(&manifest)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context(context)?;
        if let Some(mut answer) = child.stdin.take() {
            // It asks only where something is wrong.
            let _ = answer.write_all(b"y\n");
        }
        child.wait().context(context).map(|_| ())
    }

    /// Stops it in its tracks by SIGSTOP: connections stay open, nothing is answered any more once
    /// this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) when it could not be signalled, [`Error::Deadline`](crate::Error::Deadline) when it does not stop.
    pub fn pause(&self) -> Result<()> {
        self.supervisor.pause(SERVER)
    }

    /// Lets it go on after [`pause`](Self::pause).
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) when it could not be signalled.
    pub fn resume(&self) -> Result<()> {
        self.supervisor.signal("CONT")
    }

    /// The folder that holds its data and log.
    pub fn folder(&self) -> &Path {
        self.supervisor.folder()
    }

    /// Its URL, without a logical database.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn arguments(&self, settings: Settings) -> Vec<String> {
        let durable = settings == Settings::Durable;
        let data = self.supervisor.folder().join("data");
        let port = self.port.to_string();
        let data = data.display().to_string();
        let fixed = [
            ["--port", &port],
            ["--bind", "127.0.0.1"],
            ["--dir", &data],
            ["--databases", "4096"],
            ["--save", ""],
            ["--daemonize", "no"],
            ["--appendonly", if durable { "yes" } else { "no" }],
            ["--appendfsync", if durable { "always" } else { "no" }],
        ];
        fixed.as_flattened().iter().map(|s| (*s).to_owned()).collect()
    }

    fn found_its_port_taken(&self) -> bool {
        self.supervisor.ended().is_some() && self.supervisor.log().to_lowercase().contains("in use")
    }

    fn wait_until_it_answers(&self) -> Result<()> {
        let mut last = String::from("it did not answer");
        let start = Instant::now();
        let answer = wait_until(STARTING, "the Redis server to answer", || {
            if let Some(end) = self.supervisor.ended() {
                last = end;
                return Some(false);
            }
            match self.is_ours() {
                Ok(true) => return Some(true),
                Ok(false) => last = "another server answers on its port".to_owned(),
                Err(error) => last = error.to_string(),
            }
            None
        });
        match answer {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.supervisor.start_error(SERVER, last)),
            Err(_) => {
                let reason = format!("after {:?}: {last}", start.elapsed());
                Err(self.supervisor.start_error(SERVER, reason))
            }
        }
    }

    /// Whether the server on our port is the process we started, and has loaded its data.
    fn is_ours(&self) -> Result<bool> {
        let mut connection = connect(&self.url(), Duration::from_secs(5))?;
        let info: String = redis::cmd("INFO")
            .arg("server")
            .query(&mut connection)
            .context(|| "ask the Redis server who it is".to_owned())?;
        redis::cmd("DBSIZE")
            .exec(&mut connection)
            .context(|| "ask the Redis server for its size".to_owned())?;
        let line = format!("process_id:{}", self.supervisor.pid());
        Ok(info.lines().any(|found| found.trim() == line))
    }
}

/// Connects, never waiting longer than `patience` for any answer.
pub(crate) fn connect(url: &str, patience: Duration) -> Result<Connection> {
    let what = || "connect to the Redis server".to_owned();
    let client = redis::Client::open(url).context(what)?;
    let connection = client.get_connection_with_timeout(patience).context(what)?;
    connection.set_read_timeout(Some(patience)).context(what)?;
    connection.set_write_timeout(Some(patience)).context(what)?;
    Ok(connection)
}
