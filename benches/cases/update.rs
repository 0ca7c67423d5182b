//! Flushing changes of rows that are there.

use headwater::prelude::*;
use mysql::prelude::Queryable;
use mysql::{Params, Value};

use crate::support::by::By;
use crate::support::case::{Case, Goal, Place, Side, Started, side};
use crate::support::users::{User, fill, marks};
use crate::support::world::{World, bare};

pub(crate) fn cases() -> Vec<Case> {
    let case = |(rows, goal): (u64, f64)| {
        Case::new(format!("flush_update/{rows}"), Goal::Ratio(goal), move |world| {
            different(world, rows)
        })
    };
    let mut cases: Vec<Case> = [(1, 1.10), (10, 0.70), (100, 0.25), (1000, 0.18), (10_000, 0.16)]
        .map(case)
        .into();
    let same_values = |(size, step, by): (&str, u64, By)| {
        Case::new(format!("flush_update_same/{size}"), Goal::Ratio(1.15), move |world| {
            same(world, 1000, step, by)
        })
    };
    let sizes = [
        ("1000", 1, By::List),
        ("1000 apart", 3, By::List),
        ("1000 range", 1, By::Range),
    ];
    cases.extend(sizes.map(same_values));
    cases
}

const ROWS: usize = 10_000;

/// A session with the first so many rows, or with as many of which some are left out, which gives each of them the
/// values of a turn and flushes.
pub(crate) fn headwater<E: Entity>(
    engine: &Engine,
    place: &Place,
    (rows, step): (u64, u64),
    change: impl Fn(&mut E, u64, u64) + 'static,
) -> Side {
    let mut session = engine.session();
    let found = session.query::<E>().limit(rows * step).all().unwrap();
    let handles: Vec<Handle<E>> = found.into_iter().step_by(step as usize).collect();
    let place = place.clone();
    Box::new(move |times| {
        (0..times)
            .map(|_| {
                let turn = place.next();
                for (n, &handle) in (0..).zip(&handles) {
                    change(&mut session[handle], n, turn);
                }
                crate::support::case::timed(|| assert_eq!(session.flush().unwrap().updated, rows))
            })
            .sum()
    })
}

fn name(n: u64, turn: u64) -> String {
    format!("Changed {turn} {n}")
}

/// None that a row has at first.
fn age(n: u64, turn: u64) -> u32 {
    u32::try_from(1000 + (n + turn) % 1_000_000).unwrap_or_default()
}

/// Two columns, in each row to other values.
fn different(world: &World, rows: u64) -> Started {
    let mut site = world.site();
    fill(&mut site.bare, ROWS);
    let headwater = headwater(&site.engine, &site.place, (rows, 1), |user: &mut User, n, turn| {
        user.name = name(n, turn);
        user.age = Some(age(n, turn));
    });
    let mut driver = bare(&site.place.url);
    let statement = driver.prep("UPDATE bench_users SET name=?,age=? WHERE id=?").unwrap();
    let place = site.place.clone();
    let driver = side(
        move || {
            let turn = place.next();
            (0..rows)
                .map(|n| (name(n, turn), age(n, turn), n + 1))
                .collect::<Vec<_>>()
        },
        move |changes| {
            if rows > 1 {
                driver.query_drop("BEGIN").unwrap();
            }
            for (name, age, key) in changes {
                let params = vec![
                    Value::Bytes(name.as_bytes().to_vec()),
                    Value::UInt(u64::from(*age)),
                    Value::UInt(*key),
                ];
                driver.exec_drop(&statement, Params::Positional(params)).unwrap();
            }
            if rows > 1 {
                driver.query_drop("COMMIT").unwrap();
            }
        },
    );
    Started::on(site, vec![("headwater", headwater), ("driver", driver)])
}

/// One column, to the same value in the first so many rows, or in as many of which some are left out.
fn same(world: &World, rows: u64, step: u64, by: By) -> Started {
    let mut site = world.site();
    fill(&mut site.bare, ROWS);
    let headwater = headwater(&site.engine, &site.place, (rows, step), |user: &mut User, _, turn| {
        user.age = Some(age(0, turn))
    });
    let mut driver = bare(&site.place.url);
    let sql = match by {
        By::Range => "UPDATE bench_users SET age=? WHERE id BETWEEN ? AND ?".to_owned(),
        By::List => format!("UPDATE bench_users SET age=? WHERE id IN {}", marks(rows as usize)),
    };
    let statement = driver.prep(sql).unwrap();
    let place = site.place.clone();
    let driver = side(
        move || place.next(),
        move |turn| {
            let mut params = Vec::with_capacity(rows as usize + 1);
            params.push(Value::UInt(u64::from(age(0, *turn))));
            match by {
                By::Range => params.extend([Value::UInt(1), Value::UInt(rows)]),
                By::List => params.extend((0..rows).map(|row| Value::UInt(1 + row * step))),
            }
            let params = Params::Positional(params);
            by.run(&mut driver, |driver| driver.exec_drop(&statement, params).unwrap());
        },
    );
    Started::on(site, vec![("headwater", headwater), ("driver", driver)])
}
