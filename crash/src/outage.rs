//! One server that is away once while the workers work: how fast they go on, and whether all is there afterwards.

use std::time::{Duration, Instant};

use headwater_testkit::Servers;

use crate::chaos::Damage;
use crate::controller::Run;
use crate::options::{Outage, Server};
use crate::{Failure, database};

/// How long the workers run before anything is measured.
const WARMING: Duration = Duration::from_secs(3);
/// For how long it is measured before and after.
const BESIDE: Duration = Duration::from_secs(10);

impl Run<'_> {
    /// Lets the workers work while a server goes and comes back.
    pub(crate) fn outlive(&mut self, outage: Outage, servers: &Servers) -> Result<Damage, Failure> {
        let name = outage.server.name();
        self.start_all()?;
        self.watch(WARMING)?;
        self.rate("before", BESIDE)?;
        self.journal.say(&format!("{name} is stopped"));
        let damage = match outage.server {
            Server::Redis => {
                servers.redis_server()?.stop()?;
                self.rate("meanwhile", outage.length)?;
                servers.redis_server()?.start_again()?;
                Damage {
                    redis: 1,
                    ..Damage::default()
                }
            }
            Server::Mysql => {
                servers.mysql_server()?.kill()?;
                self.watch(outage.length)?;
                servers.mysql_server()?.start_again()?;
                Damage {
                    mysql: 1,
                    ..Damage::default()
                }
            }
        };
        self.journal.say(&format!("{name} is there again"));
        self.rate("after", BESIDE)?;
        Ok(damage)
    }

    /// Listens for so long and tells how many row changes a second were committed.
    fn rate(&mut self, when: &str, length: Duration) -> Result<(), Failure> {
        let mut root = self.database.root()?;
        let (before, start) = (database::lines(&mut root)?, Instant::now());
        self.watch(length)?;
        let changes = database::lines(&mut root)? - before;
        let rate = changes as f64 / start.elapsed().as_secs_f64();
        self.journal
            .say(&format!("{when}: {rate:.0} row changes a second are committed"));
        Ok(())
    }

    /// Listens to the workers for so long.
    fn watch(&mut self, length: Duration) -> Result<(), Failure> {
        let start = Instant::now();
        while start.elapsed() < length {
            self.listen()?;
            self.check_faults()?;
        }
        Ok(())
    }
}
