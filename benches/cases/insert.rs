//! Flushing new rows.

use mysql::prelude::Queryable;

use crate::support::case::{Case, Goal, Started, side};
use crate::support::users::{User, all_values, insert, users};
use crate::support::world::{World, bare};

pub(crate) fn cases() -> Vec<Case> {
    let goal = |rows| match rows {
        1 | 10_000 => Goal::Ratio(1.10),
        _ => Goal::Ratio(1.15),
    };
    let case = |rows: usize| {
        Case::new(format!("flush_insert/{rows}"), goal(rows), move |world| {
            rows_of(world, move |_| rows, 1)
        })
    };
    let mut cases: Vec<Case> = [1, 3, 10, 37, 100, 737, 1000, 10_000].map(case).into();
    // No size comes again soon.
    for (name, least, sizes) in [("20-52", 20, 32), ("700-764", 700, 64)] {
        cases.push(Case::new(
            format!("flush_insert/{name}"),
            Goal::Ratio(1.15),
            move |world| rows_of(world, move |turn| least + (turn as usize * 7) % sizes, sizes),
        ));
    }
    cases
}

fn rows_of(world: &World, size: impl Fn(u64) -> usize + Copy + 'static, sizes: usize) -> Started {
    let most = world.driver_rows();
    let mut site = world.site();
    let engine = site.engine.clone();
    let mut turn = 0;
    let headwater = side(
        move || {
            let mut session = engine.session();
            users(size(turn)).into_iter().for_each(|user| {
                session.insert(user);
            });
            turn += 1;
            session
        },
        |session| session.flush().unwrap(),
    );
    let mut driver = bare(&site.place.url);
    // A statement for each size, all prepared before the clock runs.
    let wanted = (0..sizes as u64).flat_map(|turn| [size(turn).min(most), size(turn) % most]);
    let wanted = wanted.filter(|rows| *rows > 0);
    let statements: std::collections::HashMap<usize, mysql::Statement> =
        wanted.map(|rows| (rows, driver.prep(insert(rows)).unwrap())).collect();
    let mut turn = 0;
    let driver = side(
        move || {
            let rows = users(size(turn));
            turn += 1;
            rows
        },
        move |rows: &mut Vec<User>| {
            if rows.len() <= most {
                return driver.exec_drop(&statements[&rows.len()], all_values(rows)).unwrap();
            }
            driver.query_drop("BEGIN").unwrap();
            for chunk in rows.chunks(most) {
                driver.exec_drop(&statements[&chunk.len()], all_values(chunk)).unwrap();
            }
            driver.query_drop("COMMIT").unwrap();
        },
    );
    let mut bare = std::mem::replace(&mut site.bare, bare(&site.place.url));
    Started::on(site, vec![("headwater", headwater), ("driver", driver)])
        .fresh(move || bare.query_drop("TRUNCATE TABLE bench_users").unwrap())
}
