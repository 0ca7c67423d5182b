//! The table of the benches, and how the bare driver reads and writes its rows.

use headwater::prelude::*;
use mysql::prelude::Queryable;
use mysql::{Conn, Params, Row, Value};

/// Seven columns: the key, two texts, an enumeration, numbers, a flag.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "bench_users")]
pub(crate) struct User {
    #[column(id)]
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) status: Status,
    pub(crate) age: Option<u32>,
    pub(crate) balance: Option<f64>,
    pub(crate) active: bool,
}
impl Entity for User {}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
pub(crate) enum Status {
    #[default]
    Active,
    Banned,
}

/// The columns but the key, as both sides write them.
pub(crate) const COLUMNS: &str = "name,email,status,age,balance,active";
/// What reads whole rows.
pub(crate) const SELECT: &str = "SELECT id,name,email,status,age,balance,active FROM bench_users";

pub(crate) fn user(n: usize) -> User {
    let small = |n: usize| u32::try_from(n).unwrap_or_default();
    User {
        id: 0,
        name: format!("User name {n}"),
        email: format!("user{n}@example.com"),
        status: if n.is_multiple_of(3) {
            Status::Banned
        } else {
            Status::Active
        },
        age: Some(small(n % 90)),
        balance: Some(f64::from(small(n)) + 0.25),
        active: n.is_multiple_of(2),
    }
}

pub(crate) fn users(count: usize) -> Vec<User> {
    (0..count).map(user).collect()
}

/// The values of a row for the driver. The row stays with its owner, as it does in a session: texts are copied.
pub(crate) fn values(user: &User, params: &mut Vec<Value>) {
    params.push(Value::Bytes(user.name.as_bytes().to_vec()));
    params.push(Value::Bytes(user.email.as_bytes().to_vec()));
    params.push(Value::Bytes(user.status.name().as_bytes().to_vec()));
    params.push(user.age.map_or(Value::NULL, |age| Value::UInt(u64::from(age))));
    params.push(user.balance.map_or(Value::NULL, Value::Double));
    params.push(Value::Int(i64::from(user.active)));
}

/// The values of rows, for one INSERT.
pub(crate) fn all_values(users: &[User]) -> Params {
    let mut params = Vec::with_capacity(users.len() * 6);
    users.iter().for_each(|user| values(user, &mut params));
    Params::Positional(params)
}

/// A row as the struct, its values moved out of it.
pub(crate) fn from_row(row: Row) -> User {
    let mut values = row.unwrap().into_iter();
    let mut next = || values.next().expect("a value");
    let text = |value: Value| match value {
        Value::Bytes(bytes) => String::from_utf8(bytes).expect("text"),
        other => panic!("{other:?} is no text"),
    };
    let number = |value: Value| match value {
        Value::UInt(number) => number,
        Value::Int(number) => u64::try_from(number).expect("no sign"),
        other => panic!("{other:?} is no number"),
    };
    User {
        id: number(next()),
        name: text(next()),
        email: text(next()),
        status: match next() {
            Value::Bytes(name) if name == b"Active" => Status::Active,
            Value::Bytes(name) if name == b"Banned" => Status::Banned,
            other => panic!("{other:?} is no status"),
        },
        age: match next() {
            Value::NULL => None,
            other => Some(u32::try_from(number(other)).expect("an age")),
        },
        balance: match next() {
            Value::NULL => None,
            Value::Double(number) => Some(number),
            other => panic!("{other:?} is no number"),
        },
        active: number(next()) != 0,
    }
}

/// Empties the table and fills it with so many rows, whose keys begin at 1.
pub(crate) fn fill(bare: &mut Conn, rows: usize) {
    bare.query_drop("TRUNCATE TABLE bench_users").expect("an empty table");
    bare.query_drop("BEGIN").expect("a transaction");
    let all = users(rows);
    for chunk in all.chunks(500) {
        // By text: statements of any size, none kept.
        bare.exec_drop(insert(chunk.len()), all_values(chunk)).expect("rows");
    }
    bare.query_drop("COMMIT").expect("a commit");
}

/// One INSERT of so many rows.
pub(crate) fn insert(rows: usize) -> String {
    format!(
        "INSERT INTO bench_users ({COLUMNS}) VALUES {}",
        vec!["(?,?,?,?,?,?)"; rows].join(",")
    )
}

/// `(?,?,…)` of so many.
pub(crate) fn marks(count: usize) -> String {
    format!("({})", vec!["?"; count].join(","))
}
