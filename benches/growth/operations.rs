//! What is measured: inserts, updates, deletes and loads of so many rows of any entity.

use headwater::prelude::*;
use mysql::prelude::Queryable;

use super::tables::Numbered;
use crate::support::case::{Case, Goal, Side, Started, side, timed};
use crate::support::world::{Site, World, bare};

/// An operation and its name.
pub(crate) type Operation = (&'static str, fn(&World, u64) -> Started);

/// All of them, on this entity.
pub(crate) fn all<E: Numbered>() -> [Operation; 4] {
    [
        ("insert", insert::<E>),
        ("update", update::<E>),
        ("delete", delete::<E>),
        ("load", load::<E>),
    ]
}

/// The operation as a case that is compared with nothing.
pub(crate) fn case((name, start): Operation, rows: u64) -> Case {
    let no_goal = Goal::Within(std::time::Duration::MAX);
    Case::new(name, no_goal, move |world| start(world, rows)).against(None)
}

/// A session with new rows.
fn with_new<E: Numbered>(engine: &Engine, rows: u64) -> (Session, Vec<Handle<E>>) {
    let mut session = engine.session();
    let handles = (0..rows).map(|n| session.insert(E::numbered(n))).collect();
    (session, handles)
}

/// Rows in the table beside those that are updated or deleted: a server that has no others reads the whole table.
const OTHERS: u64 = 10_000;

/// A database whose table has so many rows.
fn filled<E: Numbered>(world: &World, rows: u64) -> Site {
    let site = world.site_of::<E>();
    with_new::<E>(&site.engine, rows).0.flush().unwrap();
    site
}

fn insert<E: Numbered>(world: &World, rows: u64) -> Started {
    let mut site = world.site_of::<E>();
    let engine = site.engine.clone();
    let side = side(
        move || with_new::<E>(&engine, rows).0,
        move |session| assert_eq!(session.flush().unwrap().inserted, rows),
    );
    let mut emptying = std::mem::replace(&mut site.bare, bare(&site.place.url));
    let sql = format!("TRUNCATE TABLE {}", E::TABLE.name);
    Started::on(site, vec![("headwater", side)]).fresh(move || emptying.query_drop(&sql).unwrap())
}

fn update<E: Numbered>(world: &World, rows: u64) -> Started {
    let site = filled::<E>(world, OTHERS + rows);
    let mut session = site.engine.session();
    let handles: Vec<Handle<E>> = session.query::<E>().limit(rows).all().unwrap();
    let place = site.place.clone();
    let side: Side = Box::new(move |times| {
        (0..times)
            .map(|_| {
                let turn = place.next();
                for (n, &handle) in (0..).zip(&handles) {
                    session[handle].change(n, turn);
                }
                timed(|| assert_eq!(session.flush().unwrap().updated, rows))
            })
            .sum()
    });
    Started::on(site, vec![("headwater", side)])
}

fn delete<E: Numbered>(world: &World, rows: u64) -> Started {
    let site = filled::<E>(world, OTHERS);
    let engine = site.engine.clone();
    let side = side(
        move || {
            let (mut session, handles) = with_new::<E>(&engine, rows);
            session.flush().unwrap();
            handles.into_iter().for_each(|row| session.delete(row).unwrap());
            session
        },
        move |session| assert_eq!(session.flush().unwrap().deleted, rows),
    );
    Started::on(site, vec![("headwater", side)])
}

/// All rows that the table has.
fn load<E: Numbered>(world: &World, rows: u64) -> Started {
    let site = filled::<E>(world, rows);
    let engine = site.engine.clone();
    let side = side(
        move || engine.session(),
        move |session| assert_eq!(session.query::<E>().all().unwrap().len() as u64, rows),
    );
    Started::on(site, vec![("headwater", side)])
}
