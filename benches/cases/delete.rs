//! Flushing deletes.

use mysql::prelude::Queryable;
use mysql::{Params, Value};

use crate::support::case::{Case, Goal, Started, side};
use crate::support::users::{User, all_values, insert, marks, users};
use crate::support::world::{World, bare};

pub(crate) fn cases() -> Vec<Case> {
    let case = |rows: u64| {
        Case::new(format!("flush_delete/{rows}"), Goal::Ratio(1.10), move |world| {
            of(world, rows)
        })
    };
    [1, 1000].map(case).into()
}

/// Each side puts the rows there that it deletes, untimed.
fn of(world: &World, rows: u64) -> Started {
    let site = world.site();
    let put = |url: &str| {
        let mut bare = bare(url);
        let statement = bare.prep(insert(rows as usize)).unwrap();
        let fresh = users(rows as usize);
        move || {
            bare.exec_drop(&statement, all_values(&fresh)).unwrap();
            let first = bare.last_insert_id();
            first..first + rows
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
    let sql = match rows {
        1 => "DELETE FROM bench_users WHERE id=?".to_owned(),
        _ => format!("DELETE FROM bench_users WHERE id IN {}", marks(rows as usize)),
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
            let params = keys.iter().map(|&key| Value::UInt(key)).collect();
            driver.exec_drop(&statement, Params::Positional(params)).unwrap();
            assert_eq!(driver.affected_rows(), rows);
        },
    );
    Started::on(site, vec![("headwater", headwater), ("driver", driver)])
}
