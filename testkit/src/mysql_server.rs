//! A private MariaDB or MySQL server: how it is started, tuned for tests, broken and revived.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use mysql::{Conn, Opts, OptsBuilder};

use crate::error::{Context, Error, Result};
use crate::servers::Settings;
use crate::supervisor::Supervisor;
use crate::version::{ServerKind, ServerVersion};
use crate::wait::wait_until;
use crate::{port, program, random, template};

const SERVER: &str = "MySQL server";
const STARTING: Duration = Duration::from_secs(120);
const PORTS_TO_TRY: usize = 5;

/// Settings of MariaDB that its data folder is made with, and must be started with.
pub(crate) const INITIAL: [&str; 1] = ["--innodb-log-file-size=16777216"];

/// A MariaDB or MySQL server that testkit started, to be broken on purpose.
///
/// What ends or starts it returns when that is done. Dropping the [`Servers`] it belongs to ends it
/// and removes its data.
///
/// [`Servers`]: crate::Servers
#[derive(Debug)]
pub struct MysqlServer {
    supervisor: Supervisor,
    port: u16,
    password: String,
    version: ServerVersion,
}

impl MysqlServer {
    pub(crate) fn start(settings: Settings) -> Result<Self> {
        let program = program::mysql_program()?;
        let version = template::version_of(&program)?;
        let supervisor = Supervisor::new("headwater-mysql-")?;
        template::copy_to(&program, &version, &supervisor.folder().join("data"))?;
        let mut server = Self {
            supervisor,
            port: 0,
            password: random::word(24),
            version,
        };
        server.write_init_file()?;
        for attempt in 1.. {
            server.port = port::free()?;
            let arguments = server.arguments(settings)?;
            server.supervisor.launch(&program, &arguments)?;
            match server.wait_until_it_answers() {
                Ok(version) => {
                    server.version = version;
                    break;
                }
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

    /// Its family and version.
    pub fn version(&self) -> &ServerVersion {
        &self.version
    }

    /// Ends it at once by SIGKILL, as a crash would.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`] when it does not end.
    pub fn kill(&self) -> Result<()> {
        self.supervisor.kill(SERVER)
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`] when it does not end.
    pub fn stop(&self) -> Result<()> {
        self.supervisor.stop(SERVER)
    }

    /// Starts it on the same port and data after [`kill`](Self::kill) or [`stop`](Self::stop), and
    /// waits until it answers. Nothing happens when it runs.
    ///
    /// # Errors
    ///
    /// [`Error::Start`], with the end of its log.
    pub fn start_again(&self) -> Result<()> {
        if self.supervisor.ended().is_some() {
            self.supervisor.launch_again()?;
        }
        self.wait_until_it_answers().map(drop)
    }

    /// Stops it in its tracks by SIGSTOP: connections stay open, nothing is answered any more once
    /// this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it could not be signalled, [`Error::Deadline`] when it does not stop.
    pub fn pause(&self) -> Result<()> {
        self.supervisor.pause(SERVER)
    }

    /// Lets it go on after [`pause`](Self::pause).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it could not be signalled.
    pub fn resume(&self) -> Result<()> {
        self.supervisor.signal("CONT")
    }

    /// Options to connect as its administrator.
    pub(crate) fn root(&self) -> Opts {
        OptsBuilder::new()
            .ip_or_hostname(Some("127.0.0.1"))
            .tcp_port(self.port)
            .user(Some("root"))
            .pass(Some(&self.password))
            .into()
    }

    /// Anybody on the machine can reach the port, so the administrator gets a password. As the
    /// server looks up no names, it also needs an account for the address itself.
    fn write_init_file(&self) -> Result<()> {
        let path = self.supervisor.folder().join("init.sql");
        let password = &self.password;
        let text = format!(
            "CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';\n\
             ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY '{password}';\n\
             ALTER USER 'root'@'localhost' IDENTIFIED BY '{password}';\n\
             GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n"
        );
        fs::write(&path, text).context(|| format!("write {}", path.display()))
    }

    fn arguments(&self, settings: Settings) -> Result<Vec<String>> {
        let folder = self.supervisor.folder();
        let inside = |name: &str| folder.join(name).display().to_string();
        let mut arguments = vec![
            "--no-defaults".to_owned(),
            format!("--datadir={}", inside("data")),
            format!("--pid-file={}", inside("pid")),
            format!("--init-file={}", inside("init.sql")),
            format!("--tmpdir={}", folder.display()),
            format!("--port={}", self.port),
        ];
        if template::runs_as_root(folder)? {
            arguments.push("--user=root".to_owned());
        }
        let mut add = |options: &[&str]| arguments.extend(options.iter().map(|o| (*o).to_owned()));
        add(&[
            "--bind-address=127.0.0.1",
            // The driver leaves TCP for the socket when the server names one, and with it any proxy.
            "--socket=",
            "--skip-name-resolve",
            "--max-connections=300",
            "--character-set-server=utf8mb4",
            "--innodb-buffer-pool-dump-at-shutdown=OFF",
            "--innodb-buffer-pool-load-at-startup=OFF",
        ]);
        if settings == Settings::Stock {
            if self.version.kind == ServerKind::MySql {
                add(&["--skip-log-bin", "--mysqlx=OFF", "--secure-file-priv=NULL"]);
            }
            return Ok(arguments);
        }
        add(&[
            "--performance-schema=OFF",
            "--innodb-buffer-pool-size=67108864",
            // The kernel's limit of asynchronous requests is shared by all servers of a machine.
            "--innodb-use-native-aio=OFF",
        ]);
        match self.version.kind {
            ServerKind::MariaDb => add(&INITIAL),
            ServerKind::MySql => add(&[
                "--skip-log-bin",
                "--mysqlx=OFF",
                "--secure-file-priv=NULL",
                "--innodb-redo-log-capacity=8388608",
            ]),
        }
        add(if settings == Settings::Durable {
            &["--innodb-flush-log-at-trx-commit=1"]
        } else {
            &["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=OFF"]
        });
        Ok(arguments)
    }

    fn found_its_port_taken(&self) -> bool {
        self.supervisor.ended().is_some() && self.supervisor.log().to_lowercase().contains("in use")
    }

    /// Only our own server knows our password, so an answer is never from one that took the port.
    fn wait_until_it_answers(&self) -> Result<ServerVersion> {
        let mut last = String::from("it did not answer");
        let start = Instant::now();
        let answer = wait_until(STARTING, "the MySQL server to answer", || {
            if let Some(end) = self.supervisor.ended() {
                last = end;
                return Some(None);
            }
            match connect(&self.root(), Duration::from_secs(5)).and_then(|mut c| version(&mut c)) {
                Ok(version) => Some(Some(version)),
                Err(error) => {
                    last = error.to_string();
                    None
                }
            }
        });
        match answer {
            Ok(Some(version)) => Ok(version),
            Ok(None) => Err(self.supervisor.start_error(SERVER, last)),
            Err(_) => {
                let reason = format!("after {:?}: {last}", start.elapsed());
                Err(self.supervisor.start_error(SERVER, reason))
            }
        }
    }

    /// The folder that holds its data, log and settings.
    pub fn folder(&self) -> &Path {
        self.supervisor.folder()
    }
}

/// Connects over TCP, never waiting longer than `patience` for any answer.
pub(crate) fn connect(opts: &Opts, patience: Duration) -> Result<Conn> {
    let opts = OptsBuilder::from_opts(opts.clone())
        .prefer_socket(false)
        .tcp_connect_timeout(Some(patience))
        .read_timeout(Some(patience))
        .write_timeout(Some(patience));
    let address = Opts::from(opts.clone());
    Conn::new(opts).context(|| {
        format!(
            "connect to the MySQL server at {}:{}",
            address.get_ip_or_hostname(),
            address.get_tcp_port()
        )
    })
}

pub(crate) fn version(connection: &mut Conn) -> Result<ServerVersion> {
    let text = connection
        .query_first_opt::<String, _>("SELECT VERSION()")
        .context(|| "ask the MySQL server for its version".to_owned())?;
    match text {
        Some(Ok(text)) => Ok(ServerVersion::parse(&text)),
        _ => Err(Error::Url {
            name: "the MySQL server".to_owned(),
            reason: "it does not tell its version".to_owned(),
        }),
    }
}
