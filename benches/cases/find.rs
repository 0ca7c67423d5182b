//! Finding one row, loading some by their keys, loading all.

use mysql::Value;
use mysql::prelude::Queryable;

use crate::support::case::{Case, Goal, Started, plain};
use crate::support::users::{SELECT, User, fill, from_row, marks};
use crate::support::world::{Site, World, bare};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("find_plain/1", Goal::Ratio(1.05), |world| one(world, false)),
        Case::new("find_tracked/1", Goal::Ratio(1.10), |world| one(world, true)),
    ];
    for count in [10, 100, 3000] {
        let start = move |world: &World| some(world, count);
        cases.push(Case::new(format!("load_by_ids/{count}"), Goal::Ratio(1.10), start));
    }
    cases.push(Case::new("load_plain/10000", Goal::Ratio(1.05), |world| {
        all(world, false)
    }));
    cases.push(Case::new("load_tracked/10000", Goal::Ratio(1.20), |world| {
        all(world, true)
    }));
    cases
}

const ROWS: u64 = 10_000;

fn filled(world: &World, rows: u64) -> Site {
    let mut site = world.site();
    fill(&mut site.bare, rows as usize);
    site
}

fn one(world: &World, tracked: bool) -> Started {
    let site = filled(world, ROWS);
    let engine = site.engine.clone();
    let key = |turn: &mut u64| {
        *turn = (*turn * 31 + 7) % ROWS;
        *turn + 1
    };
    let mut turn = 1;
    let headwater = if tracked {
        plain(move || {
            let mut session = engine.session();
            session.find::<User>(key(&mut turn)).unwrap().unwrap();
            session
        })
    } else {
        plain(move || engine.session().fetch::<User>(key(&mut turn)).unwrap().unwrap())
    };
    let mut bare = bare(&site.place.url);
    let statement = bare.prep(format!("{SELECT} WHERE id=?")).unwrap();
    let mut turn = 1;
    let driver = plain(move || {
        let row = bare.exec_first(&statement, (key(&mut turn),)).unwrap();
        from_row(row.unwrap())
    });
    Started::on(site, vec![("headwater", headwater), ("driver", driver)])
}

/// Most keys in one statement.
const MOST: usize = 1024;

fn some(world: &World, count: u64) -> Started {
    let site = filled(world, 100_000);
    let engine = site.engine.clone();
    let keys = move || (0..count).map(move |n| n * 100_000 / count + 1);
    let headwater = plain(move || {
        let mut session = engine.session();
        let found = session.find_many::<User>(keys()).unwrap();
        assert_eq!(found.len() as u64, count);
        session
    });
    let mut bare = bare(&site.place.url);
    let padded = (count as usize).next_power_of_two().min(MOST);
    let statement = bare.prep(format!("{SELECT} WHERE id IN {}", marks(padded))).unwrap();
    let driver = plain(move || {
        let keys: Vec<u64> = keys().collect();
        let mut found: Vec<User> = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(padded) {
            let mut params: Vec<Value> = chunk.iter().map(|&key| Value::UInt(key)).collect();
            params.resize(padded, params[params.len() - 1].clone());
            for row in bare.exec_iter(&statement, params).unwrap() {
                found.push(from_row(row.unwrap()));
            }
        }
        assert_eq!(found.len() as u64, count);
        found
    });
    Started::on(site, vec![("headwater", headwater), ("driver", driver)])
}

fn all(world: &World, tracked: bool) -> Started {
    let site = filled(world, ROWS);
    let engine = site.engine.clone();
    let headwater = if tracked {
        plain(move || {
            let mut session = engine.session();
            let found = session.query::<User>().all().unwrap();
            assert_eq!(found.len() as u64, ROWS);
            session
        })
    } else {
        plain(move || {
            let found = engine.session().query::<User>().fetch().unwrap();
            assert_eq!(found.len() as u64, ROWS);
            found
        })
    };
    let mut bare = bare(&site.place.url);
    let statement = bare.prep(SELECT).unwrap();
    let driver = plain(move || {
        let mut found: Vec<User> = Vec::new();
        for row in bare.exec_iter(&statement, ()).unwrap() {
            found.push(from_row(row.unwrap()));
        }
        assert_eq!(found.len() as u64, ROWS);
        found
    });
    Started::on(site, vec![("headwater", headwater), ("driver", driver)])
}
