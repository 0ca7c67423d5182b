//! What a flush pays for entities that it does not write.

use std::time::Duration;

use headwater::prelude::*;

use crate::support::case::{Case, Goal, Started, plain, timed};
use crate::support::users::{User, fill, users};
use crate::support::world::{Site, World};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "flush_untouched/100000",
            Goal::Within(Duration::from_micros(1)),
            untouched,
        )
        .against(None),
        Case::new("flush_10_of/100000", Goal::Ratio(1.05), ten_among).against(Some("10 of 10")),
        Case::new("compare/100000", Goal::Ratio(1.5), compare).against(Some("by hand")),
    ]
}

const MANY: usize = 100_000;

fn loaded(world: &World, rows: usize) -> Site {
    let mut site = world.site();
    fill(&mut site.bare, rows);
    site
}

fn untouched(world: &World) -> Started {
    let site = loaded(world, MANY);
    let mut session = site.engine.session();
    assert_eq!(session.query::<User>().all().unwrap().len(), MANY);
    let headwater = plain(move || session.flush().unwrap());
    Started::on(site, vec![("headwater", headwater)])
}

/// Ten rows change; beside a session that holds only them.
fn ten_among(world: &World) -> Started {
    let site = loaded(world, MANY);
    let session_of = |rows: u64| {
        let mut session = site.engine.session();
        let all: Vec<Handle<User>> = session
            .query::<User>()
            .order_by(User::ID.asc())
            .limit(rows)
            .all()
            .unwrap();
        let ten: Vec<Handle<User>> = all.into_iter().take(10).collect();
        let place = site.place.clone();
        let side: crate::support::case::Side = Box::new(move |times| {
            (0..times)
                .map(|_| {
                    let turn = place.next();
                    for &handle in &ten {
                        session[handle].name = format!("Changed {turn} {}", session[handle].id);
                    }
                    timed(|| assert_eq!(session.flush().unwrap().updated, 10))
                })
                .sum()
        });
        side
    };
    let sides = vec![("headwater", session_of(MANY as u64)), ("10 of 10", session_of(10))];
    Started::on(site, sides)
}

/// Touched and unchanged: the snapshot is made, compared and dropped.
fn compare(world: &World) -> Started {
    let site = loaded(world, MANY);
    let mut session = site.engine.session();
    let handles = session.query::<User>().all().unwrap();
    let headwater = plain(move || {
        for &handle in &handles {
            session.get_mut(handle).unwrap();
        }
        session.flush().unwrap()
    });
    let all: Vec<User> = users(MANY)
        .into_iter()
        .zip(1..)
        .map(|(user, id)| User { id, ..user })
        .collect();
    let by_hand = plain(move || {
        let snapshots: Vec<User> = all.clone();
        let changed = all
            .iter()
            .zip(&snapshots)
            .filter(|(now, then)| differences(now, then) != 0)
            .count();
        assert_eq!(changed, 0);
    });
    Started::on(site, vec![("headwater", headwater), ("by hand", by_hand)])
}

/// The columns that differ, as one would write it for this struct.
fn differences(a: &User, b: &User) -> u32 {
    let bits = |number: Option<f64>| number.map(f64::to_bits);
    u32::from(a.id != b.id)
        | u32::from(a.name != b.name) << 1
        | u32::from(a.email != b.email) << 2
        | u32::from(a.status != b.status) << 3
        | u32::from(a.age != b.age) << 4
        | u32::from(bits(a.balance) != bits(b.balance)) << 5
        | u32::from(a.active != b.active) << 6
}
