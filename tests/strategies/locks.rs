//! An update locks the rows that it writes and no others: sessions that work on neighbouring rows do not wait.

use headwater::prelude::*;
use mysql::prelude::Queryable;

use crate::common::database;

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "neighbours")]
struct Neighbour {
    #[column(id)]
    id: u64,
    name: String,
}
impl Entity for Neighbour {}

#[test]
fn rows_beside_those_of_an_update_stay_free() {
    beside(2_000);
}

/// A server that reads all of a small table instead of the rows that are meant locks all of it.
#[test]
fn rows_of_a_small_table_stay_free() {
    beside(140);
}

fn beside(count: u64) {
    let (database, builder) = database();
    let engine = builder.entity::<Neighbour>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut session = engine.session();
    let handles: Vec<_> = (1..=count)
        .map(|id| {
            session.insert(Neighbour {
                id,
                name: String::new(),
            })
        })
        .collect();
    session.flush().unwrap();
    let mut other = database.mysql().unwrap();
    other.query_drop("SET innodb_lock_wait_timeout = 1").unwrap();
    other.query_drop("ANALYZE TABLE neighbours").unwrap();

    let one_run: Vec<u64> = (100..=120).collect();
    let two_runs: Vec<u64> = (100..=110).chain(112..=120).collect();
    let every_second: Vec<u64> = (100..=120).step_by(2).collect();
    let far_apart: Vec<u64> = (1..=9).map(|n| n * (count / 10)).collect();
    let most: Vec<u64> = (2..=count - 15).collect();
    let all = [one_run, two_runs, every_second, far_apart, most];
    for (turn, ids) in all.into_iter().enumerate() {
        session
            .transaction(|session| {
                for &id in &ids {
                    session[handles[id as usize - 1]].name = format!("{turn} of {id}");
                }
                let report = session.flush()?;
                let statements = ids.len().div_ceil(1024) as u64;
                assert_eq!((report.updated, report.statements), (ids.len() as u64, statements));
                for id in ids
                    .iter()
                    .flat_map(|id| [id - 1, id + 1])
                    .filter(|id| !ids.contains(id))
                {
                    other
                        .exec_drop("UPDATE neighbours SET name = ? WHERE id = ?", (turn, id))
                        .unwrap_or_else(|error| panic!("row {id} beside {ids:?}: {error}"));
                }
                Ok(())
            })
            .unwrap();
    }
}
