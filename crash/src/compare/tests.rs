//! Each kind of fault is found, and nothing else is called one.

use super::*;
use crate::truth::{Kind, Line, fold};

/// A row of `orders` in four changes: insert, two updates, delete.
fn rows() -> BTreeMap<Place, Vec<Change>> {
    let line = |kind, old: Option<&str>, new: Option<&str>| Line {
        table: "orders".into(),
        row: "7".into(),
        kind,
        ops: (old.map(str::to_owned), new.map(str::to_owned)),
        levels: (Some(1), Some(1)),
        gone: (false, false),
    };
    fold([
        line(Kind::Insert, None, Some("w1.1")),
        line(Kind::Update, Some("w1.1"), Some("w2.1")),
        line(Kind::Update, Some("w2.1"), Some("w1.2")),
        line(Kind::Delete, Some("w1.2"), None),
    ])
}

fn found(stream: &str, flush: FlushType, ops: Option<(&str, &str)>) -> Found {
    Found {
        stream: stream.into(),
        table: "orders".into(),
        row: "7".into(),
        flush,
        ops: ops.map(|(old, new)| (old.to_owned(), new.to_owned())),
        id: String::new(),
        entry: String::new(),
    }
}

/// What both streams hold when all is well.
fn good() -> Vec<Found> {
    let mut events = vec![
        found("Orders", FlushType::Insert, None),
        found("Orders", FlushType::Update, Some(("w1.1", "w2.1"))),
        found("Orders", FlushType::Update, Some(("w2.1", "w1.2"))),
        found("Orders", FlushType::Delete, None),
        found("OrderLevels", FlushType::Insert, None),
        found("OrderLevels", FlushType::Delete, None),
    ];
    number(&mut events);
    events
}

fn number(events: &mut [Found]) {
    for (n, event) in events.iter_mut().enumerate() {
        event.id = n.to_string();
    }
}

/// Lost, doubled, repeated ids, out of order, never committed.
fn figures(events: &[Found], order: Order) -> [u64; 5] {
    let verdict = compare(&rows(), events, order);
    assert_eq!(verdict.expected, 6);
    assert_eq!(verdict.found, events.len() as u64);
    let is_good = verdict.is_good();
    let figures = [
        verdict.lost,
        verdict.doubled,
        verdict.repeated_ids,
        verdict.out_of_order,
        verdict.never_committed,
    ];
    assert_eq!(is_good, figures == [0; 5]);
    figures
}

#[test]
fn all_is_well() {
    assert_eq!(figures(&good(), Order::Commits), [0; 5]);
    assert_eq!(figures(&good(), Order::Writers), [0; 5]);
}

#[test]
fn each_lost_event_is_missed() {
    for at in 0..6 {
        let mut events = good();
        events.remove(at);
        assert_eq!(figures(&events, Order::Commits), [1, 0, 0, 0, 0], "{at}");
    }
    assert_eq!(figures(&[], Order::Commits), [6, 0, 0, 0, 0]);
}

#[test]
fn a_repeat_is_found_with_its_id_and_without() {
    for at in 0..6 {
        let mut events = good();
        events.push(events[at].clone());
        assert_eq!(figures(&events, Order::Commits), [0, 1, 1, 0, 0], "{at}");
        number(&mut events);
        assert_eq!(figures(&events, Order::Commits), [0, 1, 0, 0, 0], "{at}");
    }
}

#[test]
fn an_id_in_another_stream_is_no_repeat() {
    let mut events = good();
    events[4].id = events[0].id.clone();
    assert_eq!(figures(&events, Order::Commits), [0; 5]);
}

#[test]
fn every_swap_in_a_stream_is_out_of_order() {
    for at in [0, 1, 2, 4] {
        let mut events = good();
        events.swap(at, at + 1);
        assert_eq!(figures(&events, Order::Commits), [0, 0, 0, 1, 0], "{at}");
    }
    // Streams have no order between them.
    let mut events = good();
    events.rotate_left(4);
    assert_eq!(figures(&events, Order::Commits), [0; 5]);
}

#[test]
fn writers_may_overtake_each_other_but_not_themselves() {
    // The update of w2 before the insert of w1.
    let mut events = good();
    events.swap(0, 1);
    assert_eq!(figures(&events, Order::Writers), [0; 5]);
    // The second update of w1 before its insert.
    let mut events = good();
    events.swap(0, 2);
    assert_eq!(figures(&events, Order::Writers), [0, 0, 0, 1, 0]);
}

#[test]
fn what_was_never_committed_is_found() {
    let others = [
        found("Orders", FlushType::Update, Some(("w1.1", "rb1.1"))),
        Found {
            row: "8".into(),
            ..found("Orders", FlushType::Insert, None)
        },
        // A stream that does not get it.
        found("OrderLevels", FlushType::Update, Some(("w1.1", "w2.1"))),
        // A table that has no such stream.
        Found {
            table: "notes".into(),
            ..found("Orders", FlushType::Insert, None)
        },
        found("Unknown", FlushType::Insert, None),
    ];
    for other in others {
        let mut events = good();
        events.insert(2, other.clone());
        number(&mut events);
        assert_eq!(figures(&events, Order::Commits), [0, 0, 0, 0, 1], "{other:?}");
    }
}

#[test]
fn a_wrong_old_value_is_no_event_of_the_change() {
    let mut events = good();
    events[2].ops = Some(("w1.1".into(), "w1.2".into()));
    assert_eq!(figures(&events, Order::Commits), [1, 0, 0, 0, 1]);
}

#[test]
fn a_bad_row_is_named_with_both_sequences() {
    let mut events = good();
    events.remove(1);
    let verdict = compare(&rows(), &events, Order::Commits);
    let [bad] = verdict.bad.as_slice() else {
        panic!("{verdict:?}")
    };
    assert_eq!((bad.stream.as_str(), bad.row.as_str()), ("Orders", "7"));
    assert_eq!((bad.expected.len(), bad.found.len()), (4, 3));
    assert_eq!(bad.faults, "1 lost, 0 doubled, 0 out of order, 0 never committed");
}
