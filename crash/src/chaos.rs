//! What befalls servers and connections while the workers work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use headwater_testkit::{Proxy, Servers};

use crate::Failure;
use crate::journal::Journal;
use crate::random::Random;

/// How often each thing was done.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    pub(crate) mysql: u64,
    pub(crate) redis: u64,
    pub(crate) cuts: u64,
}

/// What chaos works on.
#[derive(Debug)]
pub(crate) struct Chaos<'a> {
    pub(crate) servers: &'a Servers,
    pub(crate) mysql: &'a Proxy,
    pub(crate) redis: &'a Proxy,
    pub(crate) journal: &'a Journal,
    /// How many kills of servers, spread over this long.
    pub(crate) kills: u64,
    pub(crate) duration: Duration,
    /// Set when the workers' kills are done.
    pub(crate) over: &'a AtomicBool,
}

/// The longest that a server stays away.
const AWAY: u64 = 1500;

impl Chaos<'_> {
    /// Kills servers and cuts connections until it is over; servers run when it returns.
    pub(crate) fn run(&self, mut random: Random) -> Result<Damage, Failure> {
        let start = Instant::now();
        let share = self.duration.as_millis() as u64 / (self.kills + 1);
        let mut due: Vec<Duration> = (0..self.kills)
            .map(|n| Duration::from_millis(share / 2 + n * share + random.below(share)))
            .rev()
            .collect();
        let mut damage = Damage::default();
        let mut next_cut = start;
        loop {
            let all_done = due.is_empty();
            if self.over.load(Ordering::SeqCst) && all_done {
                return Ok(damage);
            }
            if due.last().is_some_and(|at| start.elapsed() >= *at) {
                due.pop();
                self.kill(&mut random, &mut damage)?;
            }
            if Instant::now() >= next_cut {
                next_cut = Instant::now() + Duration::from_millis(100 + random.below(1500));
                self.cut(&mut random, &mut damage);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn kill(&self, random: &mut Random, damage: &mut Damage) -> Result<(), Failure> {
        let away = Duration::from_millis(random.below(AWAY));
        if random.percent(50) {
            damage.mysql += 1;
            self.journal.note(&format!("kill MySQL for {away:?}"));
            let server = self.servers.mysql_server()?;
            server.kill()?;
            thread::sleep(away);
            server.start_again()?;
            self.journal.note("MySQL answers again");
        } else {
            damage.redis += 1;
            self.journal.note(&format!("kill Redis for {away:?}"));
            let server = self.servers.redis_server()?;
            server.kill()?;
            thread::sleep(away);
            server.start_again()?;
            self.journal.note("Redis answers again");
        }
        Ok(())
    }

    fn cut(&self, random: &mut Random, damage: &mut Damage) {
        damage.cuts += 1;
        let (proxy, name) = if random.percent(50) {
            (self.mysql, "MySQL")
        } else {
            (self.redis, "Redis")
        };
        let request = 1 + random.below(30);
        match random.below(4) {
            0 => {
                self.journal.note(&format!("cut all connections to {name}"));
                proxy.cut();
            }
            1 => self.plan(proxy, name, "before", request, Proxy::cut_before),
            2 => self.plan(proxy, name, "after", request, Proxy::cut_after),
            _ => self.plan(proxy, name, "at the answer to", request, Proxy::cut_response),
        }
    }

    fn plan(&self, proxy: &Proxy, name: &str, when: &str, request: u64, cut: fn(&Proxy, u64)) {
        self.journal
            .note(&format!("cut {name} {when} request {request} from now"));
        cut(proxy, request);
    }
}
