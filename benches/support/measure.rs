//! Rounds in which the sides take turns, and the table of what came out.

use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use super::case::{Case, Goal, Started};
use super::world::World;

/// How long one side works at a time.
const SLICE: Duration = Duration::from_millis(1);
/// How many rounds share what was set up: a table that is filled must have grown for a while.
const SHARED: usize = 3;
/// How many times as many rounds as asked for a case gets where it is not clear that the goal is reached or missed, or
/// who is faster.
const MORE: usize = 6;
/// How long each side works in a round.
const ROUND: Duration = Duration::from_millis(40);
/// How often it does at least, unless it works for ten times as long.
const TURNS: usize = 4;
/// How often it works at a time, and in a round, where a small difference of two times is looked for.
const PAIRED: u64 = 3;
const PAIRS: usize = 40;

/// What came out of a case.
pub(crate) struct Outcome {
    pub(crate) name: String,
    pub(crate) goal: Goal,
    /// Names of the sides, the median time of one piece of work, and the median ratio of the first side to each.
    pub(crate) sides: Vec<(&'static str, Duration, f64)>,
    /// What the goal is about: a ratio, or nanoseconds.
    pub(crate) reached: f64,
    /// How many rounds that is the median of.
    pub(crate) rounds: usize,
}

impl Outcome {
    /// Whether the goal is reached.
    pub(crate) fn is_met(&self) -> bool {
        is_within(self.goal, self.reached)
    }
}

fn is_within(goal: Goal, reached: f64) -> bool {
    match goal {
        Goal::Ratio(most) => reached <= most,
        Goal::Within(most) | Goal::Beyond(most) => reached <= nanos(most),
    }
}

fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// How many rounds a case gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounds {
    least: usize,
    most: usize,
}

impl Rounds {
    /// So many, whatever comes out.
    pub(crate) fn exactly(rounds: usize) -> Self {
        Rounds {
            least: rounds,
            most: rounds,
        }
    }

    /// So many at least, and more while it is not clear whether the goal is reached, or, where there are peers, whether the
    /// first side is faster than each of them.
    pub(crate) fn until_clear(rounds: usize) -> Self {
        Rounds {
            least: rounds,
            most: MORE * rounds,
        }
    }
}

/// How many rounds the word after `--rounds` asks for.
pub(crate) fn rounds(word: Option<String>) -> Result<usize, String> {
    let rounds = word.and_then(|rounds| rounds.parse().ok());
    rounds
        .filter(|rounds| *rounds > 0)
        .ok_or_else(|| "--rounds needs a number".to_owned())
}

/// The middle value.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// Measures a case. In a round the sides take turns in short slices, so that what disturbs one disturbs all.
///
/// The rounds are spread over several starts, since one connection may be slower than another for as long as it is open.
pub(crate) fn measure(case: &Case, world: &World, rounds: Rounds, add: &dyn Fn(&Case, &mut Started)) -> Outcome {
    let mut names = Vec::new();
    let mut found = Found::default();
    let mut begun = 0;
    // The answer to each question in each start.
    let mut verdicts: Vec<Vec<bool>> = Vec::new();
    while begun < rounds.least || (begun < rounds.most && !verdicts.iter().all(|verdicts| is_clear(verdicts))) {
        let mut started = case.start(world);
        add(case, &mut started);
        names = started.sides.iter().map(|(name, _)| *name).collect();
        // A difference is far smaller than what one connection differs from another by.
        let shared = if is_paired(case.goal) { 1 } else { SHARED };
        let end = rounds.most.min(begun + shared);
        run(case.goal, world, started, begun..end, &mut found);
        let answers = found.answers(case.goal, begun..end);
        verdicts.resize_with(answers.len(), Vec::new);
        verdicts
            .iter_mut()
            .zip(answers)
            .for_each(|(all, answer)| all.push(answer));
        begun = end;
    }
    let reached = found.reached(case.goal, 0..begun);
    let sides = names.into_iter().enumerate().map(|(i, name)| {
        let time = Duration::from_secs_f64(median(found.times[i].clone()) / 1e9);
        (name, time, median(found.ratios[i].clone()))
    });
    Outcome {
        name: case.name.clone(),
        goal: case.goal,
        sides: sides.collect(),
        reached,
        rounds: begun,
    }
}

/// Whether a small difference of two times is looked for.
fn is_paired(goal: Goal) -> bool {
    matches!(goal, Goal::Beyond(_))
}

/// Whether the one verdict is so much more frequent than the other that the median will hardly change sides: by 1.7
/// standard deviations of as many throws of a fair coin, at least.
fn is_clear(verdicts: &[bool]) -> bool {
    let met = verdicts.iter().filter(|met| **met).count();
    let ahead = met.abs_diff(verdicts.len() - met);
    ahead * ahead >= 3 * verdicts.len()
}

/// What was found in each round.
#[derive(Default)]
struct Found {
    /// Of each side the middle time of a slice.
    times: Vec<Vec<f64>>,
    /// Of each side the middle ratio of the first side's slice to its own beside it. What makes the server slow for a
    /// moment makes both slow.
    ratios: Vec<Vec<f64>>,
    /// The middle difference of the first side's slice and the second's.
    beyond: Vec<f64>,
}

impl Found {
    /// Whether the goal was reached in these rounds; or, where there are peers, whether the first side was faster than each.
    fn answers(&self, goal: Goal, rounds: Range<usize>) -> Vec<bool> {
        let peers = self.ratios.get(2..).unwrap_or_default();
        if peers.is_empty() {
            return vec![is_within(goal, self.reached(goal, rounds))];
        }
        let is_faster = |ratios: &Vec<f64>| median(ratios[rounds.clone()].to_vec()) < 1.0;
        peers.iter().map(is_faster).collect()
    }

    /// What the goal is about, in these rounds.
    fn reached(&self, goal: Goal, rounds: Range<usize>) -> f64 {
        let of = match goal {
            Goal::Ratio(_) => &self.ratios[1],
            Goal::Within(_) => &self.times[0],
            Goal::Beyond(_) => &self.beyond,
        };
        median(of[rounds].to_vec())
    }
}

/// These rounds of a case that is set up.
fn run(goal: Goal, world: &World, mut started: Started, rounds: Range<usize>, found: &mut Found) {
    if let Some(fresh) = &mut started.fresh {
        fresh();
    }
    // Now their connections are open.
    started.sides.iter_mut().for_each(|(_, side)| {
        let _ = side(1);
    });
    world.pin(started.database.as_ref(), started.redis_apart);
    let mut slices: Vec<u64> = started.sides.iter_mut().map(|(_, side)| calibrate(side)).collect();
    let is_paired = is_paired(goal);
    if is_paired {
        // The first one after the other side's finds the caches full of that: both are that equally often.
        slices.fill(PAIRED);
    }
    let is_short = |sums: &[Duration], long: Duration| sums.iter().all(|sum| *sum < long);
    let goes_on = |turns: usize, sums: &[Duration]| match is_paired {
        true => turns < PAIRS,
        false => is_short(sums, ROUND) || (turns < TURNS && is_short(sums, 10 * ROUND)),
    };
    for round in rounds {
        let count = started.sides.len();
        let mut slice_times: Vec<Vec<f64>> = vec![Vec::new(); count];
        let mut sums = vec![Duration::ZERO; count];
        let mut turn = round;
        // Forth and back, and as often forth as back, so that nobody is more often the one who comes after somebody.
        while turn == round || (turn - round) % 2 == 1 || goes_on(turn - round, &sums) {
            for i in 0..count {
                let at = if turn % 2 == 0 { i } else { count - 1 - i };
                let took = (started.sides[at].1)(slices[at]);
                sums[at] += took;
                slice_times[at].push(nanos(took) / slices[at] as f64);
            }
            turn += 1;
        }
        found.times.resize_with(count, Vec::new);
        found.ratios.resize_with(count, Vec::new);
        let beside = |other: usize, of: fn(f64, f64) -> f64| {
            let slices = slice_times[0].iter().zip(&slice_times[other]);
            median(slices.map(|(&own, &other)| of(own, other)).collect())
        };
        for (side, times) in slice_times.iter().enumerate() {
            found.times[side].push(median(times.clone()));
            found.ratios[side].push(beside(side, |own, other| own / other));
        }
        if count > 1 {
            found.beyond.push(beside(1, |own, other| own - other));
        }
    }
}

/// Warms a side up and finds how often its work fits into a slice.
fn calibrate(side: &mut super::case::Side) -> u64 {
    let mut times = 1;
    loop {
        let took = side(times);
        if took * 2 >= SLICE || times >= 1 << 24 {
            let one = took.as_secs_f64() / times as f64;
            return ((SLICE.as_secs_f64() / one) as u64).max(1);
        }
        times *= 2;
    }
}

/// One line of the table.
pub(crate) fn line(outcome: &Outcome, compared: bool) -> String {
    let mut line = format!("{:<28}", outcome.name);
    let ratio = |value: f64| format!("{value:.2}");
    for (i, (_, time, against)) in outcome.sides.iter().enumerate() {
        let _ = write!(line, " {:>10}", shown(*time));
        if i > 1 {
            let _ = write!(line, " {:>6}", ratio(1.0 / against));
        }
    }
    if outcome.sides.len() < 2 {
        let _ = write!(line, " {:>10}", "");
    }
    if compared {
        let reached = match outcome.goal {
            Goal::Ratio(_) => ratio(outcome.reached),
            Goal::Within(_) => shown(Duration::from_secs_f64(outcome.reached.max(0.0) / 1e9)),
            Goal::Beyond(_) => format!("+{}", shown(Duration::from_secs_f64(outcome.reached.max(0.0) / 1e9))),
        };
        let verdict = if outcome.is_met() { "ok" } else { "OVER" };
        let goal = outcome.goal.to_string();
        let _ = write!(line, " {reached:>9} {goal:>8} {:>7}  {verdict}", outcome.rounds);
    } else {
        let _ = write!(line, " {:>7}", outcome.rounds);
    }
    line
}

/// The head of the table.
pub(crate) fn head() -> String {
    format!(
        "{:<28} {:>10} {:>10} {:>9} {:>8} {:>7}",
        "case", "headwater", "driver", "ratio", "goal", "rounds"
    )
}

/// A time with three digits.
pub(crate) fn shown(time: Duration) -> String {
    let nanos = nanos(time);
    let (value, unit) = match nanos {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "us"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}
