//! Flushing deletes.

use mysql::prelude::Queryable;
use mysql::{Params, Value};

use crate::support::by::By;
use crate::support::case::{Case, Goal, Started, side};
use crate::support::users::{User, all_values, fill, insert, marks, users};
use crate::support::world::{World, bare};

pub(crate) fn cases() -> Vec<Case> {
    let case = |(size, rows, step, by, goal): (&str, u64, u64, By, f64)| {
        Case::new(format!("flush_delete/{size}"), Goal::Ratio(goal), move |world| {
            of(world, rows, step, by)
        })
    };
    let cases = [
        ("1", 1, 1, By::List, 1.10),
        // Keys that follow each other are a range to a flush; those that do not are listed.
        ("1000", 1000, 1, By::List, 1.10),
        ("1000 apart", 1000, 3, By::List, 1.10),
        ("1000 range", 1000, 1, By::Range, 1.15),
    ];
    cases.map(case).into()
}

/// Rows in the table beside those that are deleted: a server that has no others reads the whole table.
const OTHERS: usize = 10_000;

/// Each side puts the rows there that it deletes, untimed, with keys so far from each other.
fn of(world: &World, rows: u64, step: u64, by: By) -> Started {
    let mut site = world.site();
    fill(&mut site.bare, OTHERS);
    site.bare.query_drop("ANALYZE TABLE bench_users").unwrap();
    let put = |url: &str| {
        let mut bare = bare(url);
        bare.query_drop(format!("SET SESSION auto_increment_increment = {step}"))
            .unwrap();
        let statement = bare.prep(insert(rows as usize)).unwrap();
        let fresh = users(rows as usize);
        move || {
            bare.exec_drop(&statement, all_values(&fresh)).unwrap();
            let first = bare.last_insert_id();
            (0..rows).map(move |row| first + row * step)
        }
    };
    let (engine, mut fresh) = (site.engine.clone(), put(&site.place.url));
    let headwater = side(
        move || {
            let mut session = engine.session();
            let found = session.find_many::<User>(fresh()).unwrap();
            assert_eq!(found.len() as u64, rows);
            found.into_iter().for_each(|user| session.delete(user).unwrap());
            session
        },
        |session| session.flush().unwrap(),
    );
    let mut driver = bare(&site.place.url);
    let sql = match by {
        By::Range => "DELETE FROM bench_users WHERE id BETWEEN ? AND ?".to_owned(),
        By::List if rows == 1 => "DELETE FROM bench_users WHERE id=?".to_owned(),
        By::List => format!("DELETE FROM bench_users WHERE id IN {}", marks(rows as usize)),
    };
    let statement = driver.prep(sql).unwrap();
    let mut fresh = put(&site.place.url);
    let mut read = bare(&site.place.url);
    let driver = side(
        move || {
            let keys: Vec<u64> = fresh().collect();
            // As the other side does, so that the pages are as warm.
            let sql = format!(
                "SELECT id,name,email FROM bench_users WHERE id BETWEEN {} AND {}",
                keys[0],
                keys[keys.len() - 1]
            );
            read.query_drop(sql).unwrap();
            keys
        },
        move |keys| {
            let params = match (by, &keys[..]) {
                (By::Range, [first, .., last]) => vec![Value::UInt(*first), Value::UInt(*last)],
                (_, keys) => keys.iter().map(|&key| Value::UInt(key)).collect(),
            };
            let params = Params::Positional(params);
            by.run(&mut driver, |driver| {
                driver.exec_drop(&statement, params).unwrap();
                assert_eq!(driver.affected_rows(), rows);
            });
        },
    );
    Started::on(site, vec![("headwater", headwater), ("driver", driver)])
}
