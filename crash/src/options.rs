//! The command line.

use std::time::Duration;

use headwater::step::Step;

pub(crate) const USAGE: &str = "\
usage: cargo xtask crash [--no-install] [OPTIONS]

Worker processes write to three tables while they, the MySQL server and the Redis server are killed by SIGKILL, at
random moments and at named steps, and connections are cut. Then what MySQL committed, by a log that triggers keep,
is compared with what the streams hold.

options:
    --kills N       how many kills (300)
    --servers N     one kill of so many is of a server (15)
    --seed S        decides everything random but the clock (1)
    --mode MODE     durable: streams with an outbox (where nothing is said)
                    background: streams in memory, which lose events: shows that the comparison can fail
                    async: changes are queued in Redis and executed by consumers
    --workers N     how many worker processes at a time (3)
    --threads N     how many threads each has (3)
    --relays N      how many processes only relay the outbox, and execute what is queued (1; 2 with async); of the
                    others every second one relays too (none with async)
    --duration S    over how many seconds the kills are spread (0.8 for each kill)
    --changes N     goes on until so many changes are committed at least (170 for each kill)
    --outage WHAT:S kills nobody; stops redis or mysql once for S seconds, and tells how fast work went on
    --help          prints this

The exit code is 0 when no event is lost, doubled, out of order or of something that was not committed, and 1
otherwise. Workers are started with `worker` as the first argument, by this program itself.
";

/// Where a worker finds the URLs of its servers; they hold passwords, which others can read in arguments.
pub(crate) const MYSQL: &str = "HEADWATER_CRASH_MYSQL";
pub(crate) const REDIS: &str = "HEADWATER_CRASH_REDIS";

/// How events are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Background,
    Durable,
    Async,
}

impl Mode {
    const ALL: [Mode; 3] = [Mode::Background, Mode::Durable, Mode::Async];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Mode::Background => "background",
            Mode::Durable => "durable",
            Mode::Async => "async",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let found = Mode::ALL.into_iter().find(|mode| mode.name() == text);
        found.ok_or_else(|| format!("there is no mode {text:?}"))
    }

    /// Whether there is an outbox to relay.
    pub(crate) const fn relays(self) -> bool {
        !matches!(self, Mode::Background)
    }

    /// The steps that a process of this role comes to.
    pub(crate) fn steps(self, role: Role) -> Vec<Step> {
        const FLUSH: [Step; 2] = [Step::FlushExecuted, Step::FlushCommitted];
        const RELAY: [Step; 4] = [
            Step::RelayClaimed,
            Step::RelayWritten,
            Step::RelayDeleted,
            Step::RelayForgotten,
        ];
        const CONSUMER: [Step; 4] = [
            Step::AsyncExecuted,
            Step::AsyncCommitted,
            Step::AsyncPublished,
            Step::AsyncAcknowledged,
        ];
        let mut steps = Vec::new();
        match self {
            Mode::Async if role != Role::Relay => steps.push(Step::AsyncQueued),
            _ if role != Role::Relay => steps.extend(FLUSH),
            _ => {}
        }
        if role != Role::Write && self.relays() {
            steps.extend(RELAY);
        }
        if role != Role::Write && self == Mode::Async {
            steps.extend(CONSUMER);
        }
        steps
    }
}

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Mysql,
    Redis,
}

impl Server {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Server::Mysql => "MySQL",
            Server::Redis => "Redis",
        }
    }
}

/// A server that is away once, for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outage {
    pub(crate) server: Server,
    pub(crate) length: Duration,
}

impl Outage {
    fn parse(text: &str) -> Option<Self> {
        let (server, seconds) = text.split_once(':')?;
        Some(Outage {
            server: match server {
                "mysql" => Server::Mysql,
                "redis" => Server::Redis,
                _ => return None,
            },
            length: Duration::from_secs(seconds.parse().ok()?),
        })
    }
}

/// What the controller is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) kills: u64,
    pub(crate) server_kills: u64,
    pub(crate) seed: u64,
    pub(crate) mode: Mode,
    pub(crate) workers: u64,
    pub(crate) threads: u64,
    pub(crate) relays: u64,
    pub(crate) duration: Duration,
    pub(crate) changes: u64,
    pub(crate) outage: Option<Outage>,
}

/// What a worker is asked for.
#[derive(Debug, Clone)]
pub(crate) struct WorkerOptions {
    pub(crate) mode: Mode,
    pub(crate) label: String,
    pub(crate) seed: u64,
    pub(crate) threads: u64,
    pub(crate) role: Role,
    pub(crate) die_at: Option<DieAt>,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It writes.
    Write,
    /// It writes and relays.
    Both,
    /// It relays.
    Relay,
}

impl Role {
    const ALL: [Role; 3] = [Role::Write, Role::Both, Role::Relay];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Role::Write => "write",
            Role::Both => "both",
            Role::Relay => "relay",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let found = Role::ALL.into_iter().find(|role| role.name() == text);
        found.ok_or_else(|| format!("there is no role {text:?}"))
    }
}

/// Where a worker stops for ever: `relay-written:3:250`, the third time that it comes there once it is 250 ms old.
#[derive(Debug, Clone)]
pub(crate) struct DieAt {
    pub(crate) step: Step,
    pub(crate) times: i64,
    pub(crate) after: Duration,
}

impl DieAt {
    pub(crate) fn to_text(&self) -> String {
        format!("{}:{}:{}", self.step, self.times, self.after.as_millis())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let name = parts.next()?;
        Some(DieAt {
            step: *Step::ALL.iter().find(|step| step.name() == name)?,
            times: parts.next()?.parse().ok()?,
            after: Duration::from_millis(parts.next()?.parse().ok()?),
        })
    }
}

/// What the program is to do.
#[derive(Debug)]
pub(crate) enum Task {
    Control(Options),
    Work(WorkerOptions),
    Help,
}

pub(crate) fn parse(arguments: &[String]) -> Result<Task, String> {
    match arguments.split_first() {
        Some((first, rest)) if first == "worker" => worker(rest).map(Task::Work),
        _ => controller(arguments),
    }
}

/// Pairs of an option and its value.
fn pairs(arguments: &[String]) -> Result<Vec<(&str, &str)>, String> {
    let pair = |pair: &[String]| match pair {
        [name, value] => Ok((name.as_str().to_owned(), value.as_str().to_owned())),
        _ => Err(format!("{} needs a value", pair.concat())),
    };
    arguments.chunks(2).try_for_each(|words| pair(words).map(drop))?;
    Ok(arguments
        .chunks_exact(2)
        .map(|pair| (pair[0].as_str(), pair[1].as_str()))
        .collect())
}

fn number(name: &str, value: &str) -> Result<u64, String> {
    value.parse().map_err(|_| format!("{name}: {value:?} is no number"))
}

fn controller(arguments: &[String]) -> Result<Task, String> {
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        return Ok(Task::Help);
    }
    let (mut kills, mut servers, mut seed, mut mode) = (300, 15, 1, Mode::Durable);
    let (mut workers, mut threads, mut relays) = (3, 3, None);
    let (mut duration, mut changes, mut outage) = (None, None, None);
    for (name, value) in pairs(arguments)? {
        match name {
            "--kills" => kills = number(name, value)?,
            "--servers" => servers = number(name, value)?.max(1),
            "--seed" => seed = number(name, value)?,
            "--mode" => mode = Mode::parse(value)?,
            "--workers" => workers = number(name, value)?.max(1),
            "--threads" => threads = number(name, value)?.max(1),
            "--relays" => relays = Some(number(name, value)?),
            "--duration" => duration = Some(Duration::from_secs(number(name, value)?)),
            "--changes" => changes = Some(number(name, value)?),
            "--outage" => {
                let parsed = Outage::parse(value);
                outage = Some(parsed.ok_or_else(|| format!("{name}: {value:?} is not like redis:30"))?);
            }
            unknown => return Err(format!("there is no option {unknown:?}")),
        }
    }
    if outage.is_some() {
        kills = 0;
    }
    Ok(Task::Control(Options {
        kills,
        server_kills: kills / servers,
        seed,
        mode,
        workers,
        threads,
        relays: match mode {
            Mode::Background => 0,
            Mode::Durable => relays.unwrap_or(1),
            Mode::Async => relays.unwrap_or(2),
        },
        duration: duration.unwrap_or_else(|| Duration::from_millis(kills.saturating_mul(800))),
        changes: changes.unwrap_or_else(|| kills.saturating_mul(170)),
        outage,
    }))
}

fn worker(arguments: &[String]) -> Result<WorkerOptions, String> {
    let mut options = WorkerOptions {
        mode: Mode::Durable,
        label: String::new(),
        seed: 0,
        threads: 1,
        role: Role::Both,
        die_at: None,
    };
    for (name, value) in pairs(arguments)? {
        match name {
            "--mode" => options.mode = Mode::parse(value)?,
            "--label" => value.clone_into(&mut options.label),
            "--seed" => options.seed = number(name, value)?,
            "--threads" => options.threads = number(name, value)?,
            "--role" => options.role = Role::parse(value)?,
            "--die-at" => {
                let parsed = DieAt::parse(value).ok_or_else(|| format!("{name}: {value:?} is no step"))?;
                options.die_at = Some(parsed);
            }
            unknown => return Err(format!("there is no option {unknown:?}")),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn lengths_follow_the_kills_unless_they_are_given() {
        let Ok(Task::Control(options)) = parse(&words("--kills 100 --mode background --seed 7")) else {
            panic!("no options");
        };
        assert_eq!((options.kills, options.seed, options.mode), (100, 7, Mode::Background));
        assert_eq!((options.duration, options.changes), (Duration::from_secs(80), 17_000));
        assert_eq!(options.server_kills, 6);
        let Ok(Task::Control(options)) = parse(&words("--kills 100 --duration 9 --changes 5")) else {
            panic!("no options");
        };
        assert_eq!((options.duration, options.changes), (Duration::from_secs(9), 5));
        let Ok(Task::Control(options)) = parse(&words("--outage redis:30")) else {
            panic!("no options");
        };
        let length = Duration::from_secs(30);
        let server = Server::Redis;
        assert_eq!((options.kills, options.outage), (0, Some(Outage { server, length })));
    }

    #[test]
    fn a_step_is_read_as_it_is_written() {
        for step in Step::ALL {
            let text = format!("{step}:3:250");
            let Ok(Task::Work(options)) = parse(&words(&format!("worker --label w1 --die-at {text}"))) else {
                panic!("no options");
            };
            assert_eq!(options.die_at.unwrap().to_text(), text);
        }
    }

    #[test]
    fn mistakes_are_told() {
        for (text, told) in [
            ("--kils 3", "there is no option \"--kils\""),
            ("--kills", "--kills needs a value"),
            ("--kills many", "--kills: \"many\" is no number"),
            ("--mode fast", "there is no mode \"fast\""),
            ("--outage moon:3", "is not like redis:30"),
            ("worker --die-at nowhere:1:1", "is no step"),
        ] {
            let error = parse(&words(text)).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
