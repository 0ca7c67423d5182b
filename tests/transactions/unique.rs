//! Unique values and keys that change hands within one flush.

use chrono::NaiveDate;
use headwater::ErrorKind;
use headwater::prelude::*;
use uuid::Uuid;

use crate::world::{World, names};

const SEATS: Stream = Stream::new("SeatStream");

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(
    name = "seats",
    stream(SEATS),
    index(unique, name = "uq_place", row, number),
    index(unique, name = "uq_day", row, day)
)]
struct Seat {
    #[column(id)]
    id: u64,
    #[column(unique, length = 40)]
    name: String,
    #[column(unique)]
    badge: Option<u8>,
    #[column(unique)]
    code: u32,
    #[column(unique)]
    token: Uuid,
    row: u8,
    number: i32,
    day: Option<NaiveDate>,
    #[column(version)]
    version: u32,
}
impl Entity for Seat {}

/// A unique value of a type that has no value to spare.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "ranks", stream(SEATS))]
struct Rank {
    #[column(id)]
    id: u64,
    #[column(unique)]
    place: u8,
}
impl Entity for Rank {}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "keys", stream(SEATS))]
struct Key {
    #[column(id, length = 20)]
    name: String,
    #[column(unique)]
    number: u32,
}
impl Entity for Key {}

fn with_seats(count: u8) -> (World, Session, Vec<Handle<Seat>>) {
    let world = World::new(SEATS, |builder| {
        builder.entity::<Seat>().entity::<Rank>().entity::<Key>()
    });
    let mut session = world.engine.session();
    let seats = (1..=count).map(|n| session.insert(seat(n))).collect();
    session.flush().unwrap();
    (world, session, seats)
}

fn seat(n: u8) -> Seat {
    Seat {
        name: format!("seat {n}"),
        badge: Some(n),
        code: u32::from(n),
        token: Uuid::from_u128(u128::from(n)),
        row: 1,
        number: i32::from(n),
        day: NaiveDate::from_ymd_opt(2024, 1, u32::from(n)),
        ..Seat::default()
    }
}

/// Every seat takes what the next one has, the last what the first one had.
fn passes_on(count: u8, get: fn(&Seat) -> String, take: fn(&mut Seat, &Seat)) {
    let (world, mut session, seats) = with_seats(count);
    let before: Vec<Seat> = seats.iter().map(|&handle| session[handle].clone()).collect();
    for (n, &handle) in seats.iter().enumerate() {
        take(&mut session[handle], &before[(n + 1) % before.len()]);
    }
    let report = world.works(&mut session);
    assert_eq!(report.updated, u64::from(count));
    let mut other = world.engine.session();
    for (n, &handle) in seats.iter().enumerate() {
        let stored = other.require::<Seat>(session[handle].id).unwrap();
        assert_eq!(get(&other[stored]), get(&before[(n + 1) % before.len()]));
        assert_eq!(other[stored], session[handle]);
        assert_eq!(session[handle].version, 2, "one update each");
    }
    // Events tell the change, not the detour.
    assert_eq!(
        world.events().iter().filter(|event| event.contains("Update")).count(),
        seats.len()
    );
    assert!(
        !world.events().iter().any(|event| event.contains("NULL")),
        "{:?}",
        world.events()
    );
    assert!(session.flush().unwrap().is_empty());
}

#[test]
fn unique_values_can_be_swapped_and_handed_round() {
    for count in [2, 3, 7] {
        passes_on(
            count,
            |seat| seat.name.clone(),
            |seat, next| seat.name.clone_from(&next.name),
        );
        passes_on(
            count,
            |seat| format!("{:?}", seat.badge),
            |seat, next| seat.badge = next.badge,
        );
        passes_on(count, |seat| seat.code.to_string(), |seat, next| seat.code = next.code);
        passes_on(
            count,
            |seat| seat.token.to_string(),
            |seat, next| seat.token = next.token,
        );
    }
}

/// Of an index over two columns only one changes.
#[test]
fn values_of_an_index_over_two_columns_can_be_swapped() {
    for count in [2, 5] {
        passes_on(
            count,
            |seat| seat.number.to_string(),
            |seat, next| seat.number = next.number,
        );
        passes_on(
            count,
            |seat| format!("{:?}", seat.day),
            |seat, next| seat.day = next.day,
        );
        passes_on(
            count,
            |seat| format!("{} {} {}", seat.name, seat.number, seat.code),
            |seat, next| {
                seat.name.clone_from(&next.name);
                seat.number = next.number;
                seat.code = next.code;
            },
        );
    }
}

#[test]
fn a_value_is_given_up_before_it_is_taken() {
    let (world, mut session, seats) = with_seats(3);
    // A chain without a circle: 1 takes what 2 gives up, 2 what 3 gives up.
    session[seats[0]].name = "seat 2".into();
    session[seats[1]].name = "seat 3".into();
    session[seats[2]].name = "free".into();
    world.works(&mut session);
    assert_eq!(
        world.rows("SELECT name FROM seats ORDER BY id"),
        ["seat 2", "seat 3", "free"]
    );
    // In an index over two columns, where the one that stays is the same.
    session[seats[0]].number = 2;
    session[seats[1]].number = 3;
    session[seats[2]].number = 9;
    world.works(&mut session);
    assert_eq!(world.rows("SELECT number FROM seats ORDER BY id"), ["2", "3", "9"]);
    // A row moves away in one column, another takes its place in both.
    session[seats[0]].row = 2;
    session[seats[1]].number = 2;
    world.works(&mut session);
    assert_eq!(
        world.rows("SELECT `row`, number FROM seats ORDER BY id"),
        ["2|2", "1|2", "1|9"]
    );
}

#[test]
fn a_new_row_takes_the_unique_values_of_one_that_is_deleted_or_changed() {
    let (world, mut session, seats) = with_seats(3);
    let new = session.insert(seat(1));
    session.delete(seats[0]).unwrap();
    let report = world.works(&mut session);
    assert_eq!((report.inserted, report.deleted), (1, 1));
    assert_ne!(session[new].id, 1);

    let new = session.insert(Seat {
        name: "seat 2".into(),
        ..seat(20)
    });
    session[seats[1]].name = "moved".into();
    world.works(&mut session);
    let new_place = session.insert(Seat { number: 3, ..seat(21) });
    session[seats[2]].number = 30;
    world.works(&mut session);
    assert_eq!((&*session[new].name, session[new_place].number), ("seat 2", 3));

    // The other way round: a stored row takes what a deleted one had.
    session.delete(new).unwrap();
    session[seats[1]].name = "seat 2".into();
    session[seats[1]].number = 31;
    world.works(&mut session);
    assert_eq!(world.rows("SELECT name FROM seats WHERE id = 2"), ["seat 2"]);
}

/// Upper and lower case make no difference to the index, and none to the order either.
#[test]
fn values_are_compared_as_the_index_compares_them() {
    let (world, mut session, seats) = with_seats(2);
    session.delete(seats[0]).unwrap();
    session.insert(Seat {
        name: "SEAT 1".into(),
        ..seat(11)
    });
    session[seats[1]].name = "Seat 2".into();
    world.works(&mut session);
    assert_eq!(world.rows("SELECT name FROM seats ORDER BY name"), ["SEAT 1", "Seat 2"]);
}

#[test]
fn a_key_is_deleted_and_inserted_again() {
    let (world, mut session, _) = with_seats(1);
    let key = |number: u32| Key {
        name: "door".into(),
        number,
    };
    let old = session.insert(key(1));
    session.flush().unwrap();
    for number in [1, 2] {
        let old = session.find::<Key>("door").unwrap().unwrap();
        let new = session.insert(key(number));
        session.delete(old).unwrap();
        let report = world.works(&mut session);
        assert_eq!((report.inserted, report.deleted), (1, 1));
        assert_eq!(session.find::<Key>("door").unwrap(), Some(new));
        assert!(session.get(old).is_err());
    }
    assert!(session.get(old).is_err());
    assert_eq!(world.rows("SELECT * FROM `keys`"), ["door|2"]);

    // Rolled back: the old row is the one that is found.
    let door = session.find::<Key>("door").unwrap().unwrap();
    let error = session.transaction(|session| {
        session.delete(door)?;
        session.insert(key(3));
        session.flush()?;
        assert_ne!(session.find::<Key>("door")?, Some(door));
        Err::<(), _>(headwater::Error::handler("stop"))
    });
    assert!(error.is_err());
    assert_eq!(session.find::<Key>("door").unwrap(), Some(door));
    assert!(session.flush().unwrap().is_empty());
    assert_eq!(world.rows("SELECT * FROM `keys`"), ["door|2"]);
}

/// Where no other value is free for a moment, the circle is named.
#[test]
fn a_swap_that_cannot_be_done_is_named() {
    let (world, mut session, _) = with_seats(1);
    let ranks: Vec<_> = (1..=3)
        .map(|place| {
            session.insert(Rank {
                place,
                ..Rank::default()
            })
        })
        .collect();
    session.flush().unwrap();
    session[ranks[0]].place = 2;
    session[ranks[1]].place = 1;
    session[ranks[2]].place = 30;
    let error = world.fails(&mut session);
    let ErrorKind::ReferenceCycle { entities } = error.kind() else {
        panic!("{error:#?}")
    };
    assert_eq!(entities, &["ranks 1", "ranks 2"]);
    names(&error, &["ranks 1", "ranks 2", "unique values"]);
    session[ranks[0]].place = 20;
    assert_eq!(world.works(&mut session).updated, 3);
    assert_eq!(world.rows("SELECT place FROM ranks ORDER BY id"), ["20", "1", "30"]);
}
