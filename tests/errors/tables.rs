//! Tables that are missing or differ from their structs.

use headwater::prelude::*;
use headwater::{Error, ErrorKind};

use crate::world::{World, names, note};

const ITEM_STREAM: Stream = Stream::new("ItemStream");

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "items", stream(ITEM_STREAM))]
struct Item {
    #[column(id)]
    id: u64,
    #[column(length = 40)]
    name: String,
    note: Option<String>,
    price: u32,
    state: State,
}
impl Entity for Item {
    fn saved(&self, _: &Committed<'_, Self>) {
        note(format!("saved items {}", self.id));
    }
    fn deleted(&self, _: &Committed<'_, Self>) {
        note(format!("deleted items {}", self.id));
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
enum State {
    #[default]
    Fresh,
    Sold,
}

fn item(name: &str) -> Item {
    Item {
        name: name.into(),
        note: Some("a note".into()),
        price: 7,
        ..Item::default()
    }
}

/// A world with one item in the table and in the session, edited and accompanied by a new one.
fn world() -> (World, Session, [Handle<Item>; 2]) {
    let world = World::new(ITEM_STREAM, |builder| builder.entity::<Item>());
    let mut session = world.engine.session();
    let old = session.insert(item("old"));
    session.flush().unwrap();
    session[old].name = "changed".into();
    let new = session.insert(item("new"));
    (world, session, [old, new])
}

#[track_caller]
fn is_schema(error: &Error, words: &[&str]) {
    assert!(matches!(error.kind(), ErrorKind::Schema { .. }), "{error:#?}");
    assert!(error.is_schema() && !error.is_retryable() && !error.is_connection());
    names(error, words);
}

/// What every difference of the schema has in common: flush and reads tell it, and both work once it is mended.
#[track_caller]
fn differs(mend: &str, change: &str, words: &[&str]) {
    let (world, mut session, [old, new]) = world();
    world.sql(&[change]);
    is_schema(&world.fails(&mut session), words);
    assert_eq!((&*session[old].name, session[new].id), ("changed", 0));
    let mut other = world.engine.session();
    is_schema(&other.find::<Item>(1).unwrap_err(), words);
    is_schema(&other.find_many::<Item>([1, 2]).unwrap_err(), words);
    is_schema(&other.query::<Item>().all().unwrap_err(), words);
    is_schema(&other.query::<Item>().fetch().unwrap_err(), words);
    is_schema(&session.refresh(old).unwrap_err(), words);
    let diff = world.engine.schema().verify().unwrap_err();
    is_schema(&diff, &["items"]);
    world.sql(&[mend]);
    assert!(other.find::<Item>(1).is_ok());
    assert_eq!(world.works(&mut session).rows(), 2);
}

#[test]
fn a_missing_table_is_named() {
    differs(
        "RENAME TABLE elsewhere TO items",
        "RENAME TABLE items TO elsewhere",
        &["items"],
    );
}

#[test]
fn a_missing_column_is_named_with_its_table() {
    differs(
        "ALTER TABLE items RENAME COLUMN cost TO price",
        "ALTER TABLE items RENAME COLUMN price TO cost",
        &["items", "price"],
    );
}

#[test]
fn a_missing_table_is_told_by_a_delete_and_a_bulk_change_too() {
    let (world, mut session, [old, new]) = world();
    session.delete(new).unwrap();
    session.delete(old).unwrap();
    world.sql(&["RENAME TABLE items TO elsewhere"]);
    is_schema(&world.fails(&mut session), &["items"]);
    let error = world.fails_at(|| {
        let all = session.update_where(Item::PRICE.gt(1)).set(Item::PRICE, 2);
        all.skipping_hooks().run()
    });
    is_schema(&error, &["items"]);
    world.sql(&["RENAME TABLE elsewhere TO items"]);
    assert_eq!(world.works(&mut session).deleted, 1);
}

#[test]
fn a_column_that_only_the_server_has_and_that_needs_a_value_is_named() {
    let (world, mut session, [_, new]) = world();
    world.sql(&["ALTER TABLE items ADD COLUMN weight INT NOT NULL"]);
    is_schema(&world.fails(&mut session), &["items", "weight"]);
    assert_eq!(session[new].id, 0);
    world.sql(&["ALTER TABLE items ALTER COLUMN weight SET DEFAULT 1"]);
    assert_eq!(world.works(&mut session).rows(), 2);
    let mut other = world.engine.session();
    assert_eq!(
        other.query::<Item>().all().unwrap().len(),
        2,
        "columns of others do not matter"
    );
}

#[test]
fn a_column_that_may_be_null_only_in_the_struct_is_named() {
    let (world, mut session, [_, new]) = world();
    world.sql(&["ALTER TABLE items MODIFY note VARCHAR(255) NOT NULL"]);
    session[new].note = None;
    is_schema(&world.fails(&mut session), &["items", "note"]);
    session[new].note = Some(String::new());
    assert_eq!(world.works(&mut session).rows(), 2);
    session[new].note = None;
    is_schema(&world.fails(&mut session), &["items", "note"]);
}

/// What the struct's column holds and the server's does not: the server says it, with table and column.
#[test]
fn a_value_that_only_the_servers_column_cannot_hold_is_told_with_table_and_column() {
    type Case = (&'static str, &'static str, fn(&mut Item));
    let cases: [Case; 6] = [
        ("name", "VARCHAR(10) NOT NULL", |item| {
            item.name = "longer than ten".into()
        }),
        ("price", "TINYINT UNSIGNED NOT NULL", |item| item.price = 256),
        ("state", "ENUM('Fresh','Stale') NOT NULL", |item| {
            item.state = State::Sold
        }),
        ("name", "INT NOT NULL", |item| item.name = "no number".into()),
        ("name", "DATE NOT NULL", |item| item.name = "no day".into()),
        ("name", "DECIMAL(3,1) NOT NULL", |item| item.name = "1234".into()),
    ];
    for (column, sql_type, edit) in cases {
        let (world, mut session, [old, new]) = world();
        world.sql(&[
            "UPDATE items SET name = '1'",
            if sql_type.starts_with("DATE") {
                "UPDATE items SET name = '2024-01-01'"
            } else {
                "DO 0"
            },
            &format!("ALTER TABLE items MODIFY {column} {sql_type}"),
        ]);
        session.delete(new).unwrap();
        session.refresh(old).unwrap_or_default();
        let new = session.insert(Item {
            name: if sql_type.starts_with("DATE") {
                "2024-01-01".into()
            } else {
                "2".into()
            },
            ..Item::default()
        });
        edit(&mut session[new]);
        let error = world.fails(&mut session);
        let ErrorKind::Server { code, .. } = error.kind() else {
            panic!("{sql_type}: {error:#?}")
        };
        assert!([1406, 1264, 1265, 1366, 1292].contains(code), "{sql_type}: {error}");
        names(&error, &["items", column]);
        assert_eq!(session[new].id, 0);
    }
}

#[test]
fn a_view_in_the_place_of_a_table_is_named() {
    let (world, _session, _) = world();
    world.sql(&[
        "RENAME TABLE items TO elsewhere",
        "CREATE VIEW items AS SELECT * FROM elsewhere",
    ]);
    is_schema(
        &world.engine.schema().diff().map(drop).unwrap_err(),
        &["`items`", "VIEW"],
    );
}

/// A row that the struct can read though the server's column is wider can be mended, too.
#[test]
fn a_value_longer_than_the_structs_column_can_be_read_and_replaced() {
    let world = World::new(ITEM_STREAM, |builder| builder.entity::<Item>());
    world.sql(&[
        "ALTER TABLE items MODIFY name VARCHAR(255) NOT NULL",
        "INSERT INTO items (name, price, state) VALUES (REPEAT('x', 41), 1, 'Fresh'), (REPEAT('y', 41), 1, 'Fresh')",
    ]);
    let mut session = world.engine.session();
    let items = session.query::<Item>().order_by(Item::ID.asc()).all().unwrap();
    assert_eq!(session[items[0]].name.len(), 41);
    // Another column of it.
    session[items[0]].price = 2;
    world.works(&mut session);
    session[items[0]].name.pop();
    assert_eq!(world.works(&mut session).updated, 1);
    session.delete(items[1]).unwrap();
    world.works(&mut session);
    assert_eq!(world.rows("SELECT LENGTH(name), price FROM items"), ["40|2"]);
    session[items[0]].name.push_str("zz");
    let error = world.fails(&mut session);
    assert!(error.is_value(), "{error:#?}");
    names(&error, &["items.name", "42 characters", "holds 40"]);
}
