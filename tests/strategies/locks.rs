//! An update or a delete locks the rows that it writes and no others: sessions that work on neighbouring rows do not
//! wait.

use headwater::prelude::*;
use headwater_testkit::ServerKind;
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
fn rows_beside_those_that_are_written_stay_free() {
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
    let last: Vec<u64> = (count - 20..=count).collect();
    let short_runs: Vec<u64> = (0..8).flat_map(|run| 20 + run * 7..24 + run * 7).collect();
    let mut all = vec![one_run, two_runs, short_runs, every_second, far_apart, last];
    // MySQL reads, and locks, all of a table when nearly all of it is meant.
    if database.server().kind == ServerKind::MariaDb {
        all.push(most);
    }
    let ways: [(&str, Write); 3] = [
        ("other values", |session, row, turn| {
            session[row].name = format!("{turn} of {}", session[row].id)
        }),
        ("the same values", |session, row, turn| {
            session[row].name = format!("all of {turn}")
        }),
        ("deletes", |session, row, _| session.delete(row).unwrap()),
    ];
    let mut turn = 0;
    for ids in &all {
        for (way, write) in ways {
            turn += 1;
            let outcome = session.transaction(|session| {
                for &id in ids {
                    write(session, handles[id as usize - 1], turn);
                }
                let report = session.flush()?;
                assert_eq!(report.rows(), ids.len() as u64, "{way}");
                assert!(report.statements <= ids.len().div_ceil(1024) as u64, "{way}: {report}");
                let mut free = |what: &str, sql: &str, id: u64| {
                    other
                        .exec_drop(sql, (turn, id))
                        .unwrap_or_else(|error| panic!("{what} {id} beside {way} of {ids:?}: {error}"));
                };
                let beside = ids.iter().flat_map(|id| [id - 1, id + 1]);
                for id in beside.filter(|id| (1..=count).contains(id) && !ids.contains(id)) {
                    free("row", "UPDATE neighbours SET name = ? WHERE id = ?", id);
                }
                free(
                    "a new row",
                    "INSERT INTO neighbours (name, id) VALUES (?, ?)",
                    count + 1,
                );
                other
                    .exec_drop("DELETE FROM neighbours WHERE id = ?", (count + 1,))
                    .unwrap();
                // The rows are for the next: all is rolled back.
                session.require::<Neighbour>(u64::MAX).map(|_| ())
            });
            assert!(outcome.unwrap_err().is_not_found());
            for &id in ids {
                session.refresh(handles[id as usize - 1]).unwrap();
            }
        }
    }
}

/// Writes a row.
type Write = fn(&mut Session, Handle<Neighbour>, u64);
