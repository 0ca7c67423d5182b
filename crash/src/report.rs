//! What is printed at the end, and whether it is good.

use std::collections::BTreeMap;

use crate::chaos::Damage;
use crate::compare::{Bad, Verdict};
use crate::journal::Journal;
use crate::options::{Mode, Options, Role};
use crate::queue::Executed;
use crate::truth::Told;

/// How many workers were killed, and where.
#[derive(Debug)]
pub(crate) struct Kills {
    counts: Vec<(String, u64)>,
}

impl Kills {
    pub(crate) fn new(mode: Mode) -> Self {
        let steps = mode.steps(Role::Both);
        let all = std::iter::once("moment".to_owned()).chain(steps.iter().map(ToString::to_string));
        Kills {
            counts: all.map(|name| (name, 0)).collect(),
        }
    }

    pub(crate) fn count(&mut self, at: &str) {
        match self.counts.iter_mut().find(|(name, _)| name == at) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((at.to_owned(), 1)),
        }
    }

    fn total(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// Steps at which nobody died.
    fn missed(&self) -> Vec<&str> {
        let missed = self.counts.iter().filter(|(_, count)| *count == 0);
        missed.map(|(name, _)| name.as_str()).collect()
    }
}

/// The figures of a run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) verdict: Verdict,
    pub(crate) damage: Damage,
    pub(crate) kills: Kills,
    /// What workers did or met that is no part of the plan.
    pub(crate) faults: Vec<String>,
    /// Row changes by single statements.
    pub(crate) lines: u64,
    /// Row changes by transactions.
    pub(crate) changes: u64,
    pub(crate) pauses: u64,
    pub(crate) executed: Executed,
    pub(crate) sizes: BTreeMap<&'static str, u64>,
    pub(crate) seconds: f64,
}

/// So many kills, and each step must have been among them.
const ENOUGH_FOR_EVERY_STEP: u64 = 100;
/// How many bad rows and faults are shown.
const SHOWN: usize = 10;
/// How much of a row's events is shown on either side of the first difference; the log has all.
const AROUND: usize = 4;

impl Report {
    /// Prints it and says whether all is well.
    pub(crate) fn tell(&self, options: &Options, journal: &Journal) -> bool {
        let verdict = &self.verdict;
        let say = |name: &str, figure: u64, note: &str| {
            journal.say(&format!("{name:<28}{:>10}{note}", with_commas(figure)));
        };
        let rows: Vec<String> = self
            .sizes
            .iter()
            .map(|(table, rows)| format!("{rows} {table}"))
            .collect();
        say("row changes by statements", self.lines, "");
        say(
            "committed changes",
            self.changes,
            &format!("   left in the tables: {}", rows.join(", ")),
        );
        say("events expected", verdict.expected, "");
        say("events found", verdict.found, "");
        say("lost", verdict.lost, "");
        let ids = format!("   {} by event id", verdict.repeated_ids);
        say("doubled", verdict.doubled, &ids);
        let promised = match options.mode {
            Mode::Background => "   of one writer",
            Mode::Durable | Mode::Async => "",
        };
        say("out of order", verdict.out_of_order, promised);
        say("published, not committed", verdict.never_committed, "");
        if options.mode == Mode::Async {
            let executed = &self.executed;
            say("operations queued", executed.queued, "");
            say(
                "executed",
                executed.executed,
                "   those among them of which no worker knew that",
            );
            say("queued, not executed", executed.lost, "");
            say("executed twice", executed.repeated, "");
            say("executed in part", executed.halved, "");
            say("executed out of order", executed.out_of_order, "");
        }
        let places: Vec<String> = self
            .kills
            .counts
            .iter()
            .map(|(name, count)| format!("{count} at {name}"))
            .collect();
        say(
            "kills of workers",
            self.kills.total(),
            &format!("   {}", places.join(", ")),
        );
        say("kills of MySQL", self.damage.mysql, "");
        say("kills of Redis", self.damage.redis, "");
        say("cuts of connections", self.damage.cuts, "");
        say("pauses of workers", self.pauses, "");
        journal.say(&format!("{:<28}{:>10.1}", "seconds", self.seconds));
        let missed = self.kills.missed();
        let is_missed = options.kills >= ENOUGH_FOR_EVERY_STEP && !missed.is_empty();
        if is_missed {
            journal.say(&format!("nobody died at {}", missed.join(", ")));
        }
        for fault in self.faults.iter().take(SHOWN) {
            journal.say(&format!("fault: {fault}"));
        }
        if self.faults.len() > SHOWN {
            journal.say(&format!("{} faults in all", self.faults.len()));
        }
        for (n, bad) in verdict.bad.iter().enumerate() {
            journal.note(&shown(bad, None));
            if n < SHOWN {
                println!("{}", shown(bad, Some(AROUND)));
            }
        }
        if verdict.bad.len() > SHOWN {
            journal.say(&format!("{} rows in all", verdict.bad.len()));
        }
        let is_good = verdict.is_good() && self.executed.is_good() && self.faults.is_empty() && !is_missed;
        journal.say(if is_good { "all is well" } else { "NOT all is well" });
        is_good
    }
}

/// A bad row with both sequences: whole, or so much before and after the first difference.
fn shown(bad: &Bad, around: Option<usize>) -> String {
    let same = bad.expected.iter().zip(&bad.found).take_while(|(a, b)| a == b).count();
    let list = |told: &[Told]| {
        let (first, end) = match around {
            Some(around) => (same.saturating_sub(around), (same + around).min(told.len())),
            None => (0, told.len()),
        };
        let before = (first > 0).then(|| format!("({first} more)"));
        let after = (end < told.len()).then(|| format!("({} more)", told.len() - end));
        let middle = told.iter().take(end).skip(first).map(told_as);
        before
            .into_iter()
            .chain(middle)
            .chain(after)
            .collect::<Vec<_>>()
            .join(", ")
    };
    format!(
        "{} in {} {}: {}\n  expected {}\n  found    {}",
        bad.stream,
        bad.table,
        bad.row,
        bad.faults,
        list(&bad.expected),
        list(&bad.found)
    )
}

fn told_as(told: &Told) -> String {
    match &told.ops {
        Some((old, new)) => format!("{} {old}>{new}", told.flush),
        None => told.flush.to_string(),
    }
}

/// `1234567` as `1,234,567`.
fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(with_commas(number), text);
        }
    }

    #[test]
    fn a_long_row_is_shown_where_it_goes_wrong() {
        let told = |n: u32| Told {
            flush: headwater::stream::FlushType::Update,
            ops: Some((n.to_string(), (n + 1).to_string())),
        };
        let bad = Bad {
            stream: "Orders".into(),
            table: "orders".into(),
            row: "7".into(),
            expected: (0..9).map(told).collect(),
            found: (0..9).filter(|n| *n != 5).map(told).collect(),
            faults: "1 lost".into(),
        };
        assert_eq!(
            shown(&bad, Some(2)),
            "Orders in orders 7: 1 lost\n  \
             expected (3 more), update 3>4, update 4>5, update 5>6, update 6>7, (2 more)\n  \
             found    (3 more), update 3>4, update 4>5, update 6>7, update 7>8, (1 more)"
        );
        assert!(shown(&bad, None).contains("expected update 0>1, update 1>2"));
    }

    #[test]
    fn steps_where_nobody_died_are_known() {
        let mut kills = Kills::new(Mode::Background);
        kills.count("moment");
        kills.count("flush-committed");
        kills.count("flush-committed");
        assert_eq!((kills.total(), kills.missed()), (3, vec!["flush-executed"]));
    }
}
