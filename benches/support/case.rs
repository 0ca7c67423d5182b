//! A case: the same work done by several sides, and the goal that the first of them has.

use std::fmt;
use std::time::{Duration, Instant};

use headwater_testkit::Database;

use super::world::{Site, World};

/// Does the work so many times and returns how long that took; what it prepares is not part of the time.
pub(crate) type Side = Box<dyn FnMut(u64) -> Duration>;

/// What is asked of the first side.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// At most so many times what the second side takes in the same round.
    Ratio(f64),
    /// At most this long.
    Within(Duration),
    /// At most so much longer than the second side in the same round.
    Beyond(Duration),
}

/// The same work by several sides.
pub(crate) struct Case {
    /// `group/size`.
    pub(crate) name: String,
    pub(crate) goal: Goal,
    /// What the first side is compared with, where there is anything.
    rival: Option<&'static str>,
    start: Box<dyn Fn(&World) -> Started>,
}

/// A case that is set up.
pub(crate) struct Started {
    /// Names and routines; the first is `headwater`, the second what it is compared with.
    pub(crate) sides: Vec<(&'static str, Side)>,
    /// Runs before the sides begin: empties what they fill.
    pub(crate) fresh: Option<Box<dyn FnMut()>>,
    /// Where the case has its data, for sides that are added to it.
    pub(crate) place: Place,
    /// Its database, which must live as long as the sides.
    pub(crate) database: Option<Database>,
    /// Whether Redis works on another processor than the bench.
    pub(crate) redis_apart: bool,
}

impl Started {
    /// A case without a database.
    pub(crate) fn bare(sides: Vec<(&'static str, Side)>) -> Self {
        Started {
            sides,
            fresh: None,
            place: Place::default(),
            database: None,
            redis_apart: false,
        }
    }

    /// A case on this site.
    pub(crate) fn on(site: Site, sides: Vec<(&'static str, Side)>) -> Self {
        Started {
            sides,
            fresh: None,
            place: site.place,
            database: Some(site.database),
            redis_apart: false,
        }
    }

    /// Redis works on another processor than the bench, where there is one.
    pub(crate) fn redis_apart(mut self) -> Self {
        self.redis_apart = true;
        self
    }

    /// Does this before the sides begin.
    pub(crate) fn fresh(mut self, fresh: impl FnMut() + 'static) -> Self {
        self.fresh = Some(Box::new(fresh));
        self
    }
}

/// Where a case has its data.
#[derive(Clone, Default)]
pub(crate) struct Place {
    /// The URL of its MySQL database.
    pub(crate) url: String,
    /// Counts what sides take turns with: new values, keys that are used up.
    pub(crate) turn: std::rc::Rc<std::cell::Cell<u64>>,
}

impl Place {
    /// The next number that no side had.
    pub(crate) fn next(&self) -> u64 {
        self.turn.set(self.turn.get() + 1);
        self.turn.get()
    }

    /// The first of so many numbers that no side had; they begin at 1.
    pub(crate) fn take(&self, count: u64) -> u64 {
        let first = self.turn.get() + 1;
        self.turn.set(self.turn.get() + count);
        first
    }
}

impl Case {
    pub(crate) fn new(name: impl Into<String>, goal: Goal, start: impl Fn(&World) -> Started + 'static) -> Self {
        Case {
            name: name.into(),
            goal,
            rival: Some("driver"),
            start: Box::new(start),
        }
    }

    /// It is compared with something else than the driver, or with nothing.
    pub(crate) fn against(mut self, rival: Option<&'static str>) -> Self {
        self.rival = rival;
        self
    }

    /// The names of its sides.
    pub(crate) fn sides(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once("headwater").chain(self.rival)
    }

    /// Sets the case up.
    pub(crate) fn start(&self, world: &World) -> Started {
        (self.start)(world)
    }

    /// What stands before the `/`, and what after it.
    pub(crate) fn parts(&self) -> (&str, &str) {
        self.name.split_once('/').unwrap_or((&self.name, ""))
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::Ratio(ratio) => write!(f, "{ratio:.2}"),
            Goal::Within(time) => write!(f, "{time:?}"),
            Goal::Beyond(time) => write!(f, "+{time:?}"),
        }
    }
}

/// The time of one piece of work.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let result = work();
    let took = start.elapsed();
    // What the work made is not part of its time.
    drop(result);
    took
}

/// A side that prepares each piece of work, untimed, and then does it.
pub(crate) fn side<P, T>(
    mut prepare: impl FnMut() -> P + 'static,
    mut work: impl FnMut(&mut P) -> T + 'static,
) -> Side {
    Box::new(move |times| {
        let mut total = Duration::ZERO;
        for _ in 0..times {
            let mut prepared = prepare();
            total += timed(|| work(&mut prepared));
        }
        total
    })
}

/// A side with nothing to prepare; the clock is read once for all.
pub(crate) fn plain<T>(mut work: impl FnMut() -> T + 'static) -> Side {
    Box::new(move |times| {
        timed(|| {
            for _ in 0..times {
                std::hint::black_box(work());
            }
        })
    })
}
