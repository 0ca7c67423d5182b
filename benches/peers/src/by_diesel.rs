//! Diesel: `find`, `eq_any`, `insert_into(..).values(&vec)`, `update(..).set(..)` row by row, `delete(filter)`.

use diesel::mysql::Mysql;
use diesel::prelude::*;
use diesel::result::Error;

use crate::put;
use crate::support::case::{Side, Started, plain, side as prepared};
use crate::support::users::{Status, User, users as fresh};

diesel::table! {
    bench_users (id) {
        id -> Unsigned<Bigint>,
        name -> Varchar,
        email -> Varchar,
        status -> Text,
        age -> Nullable<Unsigned<Integer>>,
        balance -> Nullable<Double>,
        active -> Bool,
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = bench_users, check_for_backend(Mysql))]
struct Found {
    id: u64,
    name: String,
    email: String,
    status: String,
    age: Option<u32>,
    balance: Option<f64>,
    active: bool,
}

impl From<Found> for User {
    fn from(row: Found) -> Self {
        User {
            id: row.id,
            name: row.name,
            email: row.email,
            status: if row.status == "Banned" { Status::Banned } else { Status::Active },
            age: row.age,
            balance: row.balance,
            active: row.active,
        }
    }
}

#[derive(Insertable)]
#[diesel(table_name = bench_users)]
struct New<'a> {
    name: &'a str,
    email: &'a str,
    status: &'a str,
    age: Option<u32>,
    balance: Option<f64>,
    active: bool,
}

impl<'a> From<&'a User> for New<'a> {
    fn from(user: &'a User) -> Self {
        use headwater::Enumeration;
        New {
            name: &user.name,
            email: &user.email,
            status: user.status.name(),
            age: user.age,
            balance: user.balance,
            active: user.active,
        }
    }
}

pub(crate) fn side(group: &str, size: u64, started: &Started) -> Option<Side> {
    let mut conn = MysqlConnection::establish(&started.place.url).unwrap();
    let place = started.place.clone();
    let users = bench_users::table;
    Some(match group {
        "find_plain" | "find_tracked" => {
            let mut key = 1;
            plain(move || {
                key = key * 31 % 10_000 + 1;
                User::from(users.find(key).select(Found::as_select()).first(&mut conn).unwrap())
            })
        }
        "load_by_ids" => plain(move || {
            let keys: Vec<u64> = (0..size).map(|n| n * 100_000 / size + 1).collect();
            let found = users.filter(bench_users::id.eq_any(keys)).select(Found::as_select());
            let found: Vec<User> = found.load(&mut conn).unwrap().into_iter().map(User::from).collect();
            assert_eq!(found.len() as u64, size);
            found
        }),
        "load_plain" | "load_tracked" => plain(move || {
            let found = users.select(Found::as_select()).load(&mut conn).unwrap();
            found.into_iter().map(User::from).collect::<Vec<User>>()
        }),
        "flush_insert" => prepared(
            move || fresh(size as usize),
            move |rows| {
                conn.transaction::<_, Error, _>(|conn| {
                    let new: Vec<New> = rows.iter().map(New::from).collect();
                    diesel::insert_into(users).values(new).execute(conn)
                })
                .unwrap();
            },
        ),
        "flush_update" | "flush_update_same" => {
            let is_same = group == "flush_update_same";
            prepared(
                move || place.next(),
                move |turn| {
                    let age = |n: u64| u32::try_from(1000 + (n + *turn) % 1_000_000).unwrap();
                    conn.transaction::<_, Error, _>(|conn| {
                        for n in 0..size {
                            let row = diesel::update(users.find(n + 1));
                            if is_same {
                                row.set(bench_users::age.eq(age(0))).execute(conn)?;
                            } else {
                                let name = bench_users::name.eq(format!("Changed {turn} {n}"));
                                row.set((name, bench_users::age.eq(age(n)))).execute(conn)?;
                            }
                        }
                        Ok(())
                    })
                    .unwrap();
                },
            )
        }
        "flush_delete" => prepared(put(&started.place.url, size), move |keys| {
            let rows = users.filter(bench_users::id.eq_any(&*keys));
            conn.transaction::<_, Error, _>(|conn| diesel::delete(rows).execute(conn)).unwrap();
        }),
        _ => return None,
    })
}
