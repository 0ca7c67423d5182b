//! Many sessions that flush at once.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use headwater::mysql::MysqlOptions;
use headwater::prelude::*;
use mysql::prelude::Queryable;

use crate::support::case::{Case, Goal, Side, Started};
use crate::support::users::{User, all_values, insert, users};
use crate::support::world::{World, bare};

pub(crate) fn cases() -> Vec<Case> {
    let case = |threads: usize| {
        Case::new(format!("flush_threads/{threads}"), Goal::Ratio(1.15), move |world| {
            at_once(world, threads)
        })
    };
    [1, 2, 4, 8, 16].map(case).into()
}

/// Rows of one flush, and flushes of each thread in one piece of work.
const ROWS: usize = 10;
const FLUSHES: usize = 8;

/// Threads that wait for their start, do their part and tell how long they were at it.
struct Crew {
    starts: Vec<Sender<()>>,
    ends: Receiver<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Crew {
    fn new(count: usize, mut work: impl FnMut() -> Box<dyn FnMut() + Send>) -> Self {
        let (done, ends) = channel();
        let mut crew = Crew {
            starts: Vec::new(),
            ends,
            threads: Vec::new(),
        };
        for _ in 0..count {
            let (start, wait) = channel();
            let (mut work, done) = (work(), done.clone());
            crew.threads.push(thread::spawn(move || {
                while wait.recv().is_ok() {
                    work();
                    if done.send(()).is_err() {
                        return;
                    }
                }
            }));
            crew.starts.push(start);
        }
        crew
    }

    fn run(&self) -> Duration {
        let start = Instant::now();
        self.starts.iter().for_each(|thread| thread.send(()).expect("a thread"));
        for _ in &self.starts {
            self.ends.recv().expect("the end of a thread");
        }
        start.elapsed()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.starts.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn of(crew: Crew) -> Side {
    Box::new(move |times| (0..times).map(|_| crew.run()).sum())
}

fn at_once(world: &World, threads: usize) -> Started {
    let mut site = world.site();
    let options = MysqlOptions::default().with_max_connections(threads as u32);
    let engine = Engine::builder().mysql_pool_with("default", site.database.mysql_url(), options);
    let engine = engine.entity::<User>().build().unwrap();
    let headwater = Crew::new(threads, || {
        let engine = engine.clone();
        Box::new(move || {
            for _ in 0..FLUSHES {
                let mut session = engine.session();
                users(ROWS).into_iter().for_each(|user| {
                    session.insert(user);
                });
                session.flush().unwrap();
            }
        })
    });
    let driver = Crew::new(threads, || {
        let mut bare = bare(&site.place.url);
        let statement = bare.prep(insert(ROWS)).unwrap();
        Box::new(move || {
            for _ in 0..FLUSHES {
                let users = users(ROWS);
                bare.exec_drop(&statement, all_values(&users)).unwrap();
            }
        })
    });
    let mut spare = std::mem::replace(&mut site.bare, bare(&site.place.url));
    Started::on(site, vec![("headwater", of(headwater)), ("driver", of(driver))])
        .fresh(move || spare.query_drop("TRUNCATE TABLE bench_users").unwrap())
}
