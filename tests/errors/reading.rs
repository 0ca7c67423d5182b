//! Rows that hold what their struct cannot: the server's column is another one.

use crate::values::{EVERYTHING, Everything, everything, is_misfit, world};
use crate::world::World;

/// Column, its type at the server, the value there, why it cannot be read, the value as the error shows it.
const MISFITS: [(&str, &str, &str, &str, &str); 64] = [
    // Integers: too large, too small, other types.
    ("tiny", "INT", "128", "does not fit i8", "128"),
    ("tiny", "INT", "-129", "does not fit i8", "-129"),
    ("small", "INT", "32768", "does not fit i16", "32768"),
    ("int", "BIGINT", "-2147483649", "does not fit i32", "-2147483649"),
    (
        "big",
        "BIGINT UNSIGNED",
        "9223372036854775808",
        "does not fit i64",
        "9223372036854775808",
    ),
    ("utiny", "INT", "256", "does not fit u8", "256"),
    ("utiny", "INT", "-1", "does not fit u8", "-1"),
    ("usmall", "INT", "65536", "does not fit u16", "65536"),
    ("uint", "BIGINT", "4294967296", "does not fit u32", "4294967296"),
    ("ubig", "BIGINT", "-1", "does not fit u64", "-1"),
    (
        "ubig",
        "DECIMAL(30,0)",
        "18446744073709551616",
        "does not fit u64",
        "18446744073709551616",
    ),
    ("int", "VARCHAR(20)", "'many'", "does not fit i32", "many"),
    ("int", "VARCHAR(20)", "''", "does not fit i32", "\"\""),
    ("int", "DECIMAL(5,2)", "1.50", "does not fit i32", "1.50"),
    ("int", "DOUBLE", "1.5", "expected a whole number", "1.5"),
    ("int", "DATE", "'2024-01-02'", "expected a whole number", "2024-01-02"),
    ("int", "TIME", "'01:02:03'", "expected a whole number", "01:02:03"),
    // Booleans.
    ("flag", "TINYINT", "2", "expected 0 or 1", "2"),
    ("flag", "TINYINT", "-1", "expected 0 or 1", "-1"),
    ("flag", "VARCHAR(5)", "'true'", "expected 0 or 1", "true"),
    // Floats.
    ("single", "DOUBLE", "0.1", "does not fit f32", "0.1"),
    ("single", "VARCHAR(9)", "'pi'", "does not fit f32", "pi"),
    ("double", "VARCHAR(9)", "'pi'", "does not fit f64", "pi"),
    ("double", "BIGINT", "7", "expected a number", "7"),
    ("double", "DATE", "'2024-01-02'", "expected a number", "2024-01-02"),
    // Decimals.
    (
        "price",
        "DECIMAL(40,30)",
        "0.123456789012345678901234567891",
        "at most 28 digits",
        "0.123456789012345678901234567891",
    ),
    ("price", "VARCHAR(9)", "'cheap'", "not a decimal number", "cheap"),
    ("price", "DOUBLE", "1.5", "expected a decimal number", "1.5"),
    // Text and bytes.
    ("text", "VARBINARY(20)", "0x41ff", "not valid UTF-8", "0x41ff"),
    ("text", "BLOB", "0xc328", "not valid UTF-8", "0xc328"),
    ("text", "INT", "5", "expected text", "5"),
    (
        "text",
        "DATETIME",
        "'2024-01-02 03:04:05'",
        "expected text",
        "2024-01-02 03:04:05",
    ),
    ("bytes", "INT", "5", "expected bytes", "5"),
    ("bytes", "TIME", "'01:02:03'", "expected bytes", "01:02:03"),
    // Enumerations and sets: names that the struct does not know.
    (
        "colour",
        "ENUM('Red','Green','Frozen')",
        "'Frozen'",
        "not one of Red, Green",
        "Frozen",
    ),
    ("colour", "ENUM('red','Green')", "'red'", "not one of Red, Green", "red"),
    ("colour", "VARCHAR(9)", "''", "not one of Red, Green", "\"\""),
    ("colour", "ENUM('Red','Green')", "0", "not one of Red, Green", "\"\""),
    ("colour", "INT", "1", "expected text", "1"),
    (
        "colours",
        "SET('Red','Green','Frozen')",
        "'Red,Frozen'",
        "not one of Red, Green",
        "Frozen",
    ),
    (
        "colours",
        "VARCHAR(20)",
        "'Red,,Green'",
        "not one of Red, Green",
        "\"\"",
    ),
    // Days and instants: zero dates and days that are none.
    ("day", "DATE", "'0000-00-00'", "no such day", "0000-00-00"),
    ("day", "DATE", "'2024-00-15'", "no such day", "2024-00-15"),
    ("day", "DATE", "'2024-01-00'", "no such day", "2024-01-00"),
    (
        "day",
        "DATETIME",
        "'2024-01-02 03:04:05'",
        "expected a date",
        "2024-01-02 03:04:05",
    ),
    ("day", "VARCHAR(20)", "'soon'", "expected a date", "soon"),
    (
        "at",
        "DATETIME(6)",
        "'0000-00-00 00:00:00'",
        "no such day",
        "0000-00-00 00:00:00",
    ),
    ("at", "TIME", "'01:02:03'", "expected a date and time", "01:02:03"),
    (
        "instant",
        "DATETIME(6)",
        "'0000-00-00 00:00:00'",
        "no such day",
        "0000-00-00 00:00:00",
    ),
    (
        "instant",
        "BIGINT",
        "1700000000",
        "expected a date and time",
        "1700000000",
    ),
    // Times.
    ("time", "TIME", "'24:00:00'", "not a time of day", "24:00:00"),
    ("time", "TIME", "'-01:00:00'", "not a time of day", "-01:00:00"),
    ("time", "INT", "1", "expected a time", "1"),
    ("span", "VARCHAR(9)", "'long'", "expected a time", "long"),
    ("civil_day", "INT", "1", "expected a date", "1"),
    ("civil_at", "INT", "1", "expected a date and time", "1"),
    ("civil_time", "DATE", "'2024-01-02'", "expected a time", "2024-01-02"),
    // UUIDs, JSON, references.
    ("uuid", "VARBINARY(36)", "0x0102", "not a UUID", "\\u{1}\\u{2}"),
    ("uuid", "INT", "1", "expected a UUID", "1"),
    ("json", "LONGTEXT", "'{'", "not the JSON expected", "{"),
    ("json", "LONGTEXT", "'[1]'", "not the JSON expected", "[1]"),
    ("json", "VARBINARY(9)", "0xff", "not valid UTF-8", "0xff"),
    ("own", "VARCHAR(9)", "'x'", "does not fit u64", "x"),
    ("maybe", "VARCHAR(9)", "'pi'", "does not fit f64", "pi"),
];

/// Columns that may not be NULL in the struct.
const NEVER_NULL: [&str; 27] = [
    "tiny",
    "small",
    "int",
    "big",
    "utiny",
    "usmall",
    "uint",
    "ubig",
    "flag",
    "single",
    "double",
    "price",
    "text",
    "bytes",
    "colour",
    "colours",
    "day",
    "at",
    "instant",
    "time",
    "span",
    "civil_day",
    "civil_at",
    "civil_time",
    "uuid",
    "json",
    "own",
];

/// A row whose column has this type and value at the server.
fn spoil(world: &World, column: &str, sql_type: &str, value: &str) {
    world.sql(&[
        "DROP TABLE everything",
        "CREATE TABLE everything LIKE template",
        "SET sql_mode = ''",
        &format!("ALTER TABLE everything MODIFY `{column}` {sql_type} NULL"),
        "INSERT INTO everything SELECT * FROM template",
        &format!("UPDATE everything SET `{column}` = {value}"),
    ]);
}

/// The struct cannot read the row, in whatever way it is asked for.
#[track_caller]
fn is_unreadable(world: &World, column: &str, why: &str, shown: &str) {
    let mut session = world.engine.session();
    is_misfit(&session.find::<Everything>(1).unwrap_err(), column, why, shown);
    is_misfit(&session.query::<Everything>().all().unwrap_err(), column, why, shown);
    is_misfit(&session.query::<Everything>().fetch().unwrap_err(), column, why, shown);
    assert!(session.is_empty(), "{column}: half a row is no row");
    assert_eq!(
        session.query::<Everything>().count().unwrap(),
        1,
        "{column}: the session goes on"
    );
}

fn with_template() -> World {
    let world = world();
    let mut session = world.engine.session();
    session.insert(everything());
    session.flush().unwrap();
    world.sql(&[
        "CREATE TABLE template LIKE everything",
        "INSERT INTO template SELECT * FROM everything",
    ]);
    world
}

#[test]
fn a_row_that_its_struct_cannot_hold_is_told_with_table_column_and_value() {
    let world = with_template();
    for (column, sql_type, value, why, shown) in MISFITS {
        spoil(&world, column, sql_type, value);
        is_unreadable(&world, column, why, shown);
    }
}

#[test]
fn null_in_a_field_that_is_none_is_told_with_table_and_column() {
    let world = with_template();
    let nullable: Vec<String> = NEVER_NULL
        .iter()
        .map(|column| {
            let of = world.rows(&format!(
                "SELECT column_type FROM information_schema.columns WHERE table_schema = DATABASE() \
                 AND table_name = 'template' AND column_name = '{column}'"
            ));
            format!("MODIFY `{column}` {} NULL", of[0])
        })
        .collect();
    world.sql(&[
        "DROP TABLE everything",
        "CREATE TABLE everything LIKE template",
        &format!("ALTER TABLE everything {}", nullable.join(", ")),
    ]);
    let mut session = world.engine.session();
    for column in NEVER_NULL {
        world.sql(&[
            "DELETE FROM everything",
            "INSERT INTO everything SELECT * FROM template",
            &format!("UPDATE everything SET `{column}` = NULL"),
        ]);
        is_unreadable(&world, column, "NULL in a column that may not be NULL", "");
    }
    // The same row, mended at the server.
    world.sql(&[
        "DELETE FROM everything",
        "INSERT INTO everything SELECT * FROM template",
    ]);
    let row = session.require::<Everything>(1).unwrap();
    assert_eq!(session[row], Everything { id: 1, ..everything() });
}

/// Among rows that can be read, the one that cannot spoils the query and nothing else.
#[test]
fn an_unreadable_row_leaves_the_session_as_it_was() {
    let world = with_template();
    let mut session = world.engine.session();
    let old = session.require::<Everything>(1).unwrap();
    session[old].uint = 9;
    world.sql(&[
        "ALTER TABLE everything MODIFY colour ENUM('Red','Green','Frozen') NOT NULL",
        "INSERT INTO everything SELECT * FROM (SELECT * FROM template) t \
         ON DUPLICATE KEY UPDATE everything.tiny = everything.tiny",
        "CREATE TEMPORARY TABLE more AS SELECT * FROM template",
        "UPDATE more SET id = 2, colour = 'Green'",
        "INSERT INTO everything SELECT * FROM more",
        "UPDATE everything SET colour = 'Frozen' WHERE id = 2",
    ]);
    let error = session.query::<Everything>().all().unwrap_err();
    is_misfit(&error, "colour", "not one of Red, Green", "Frozen");
    let error = session.find_many::<Everything>([1, 2]).unwrap_err();
    is_misfit(&error, "colour", "not one of Red, Green", "Frozen");
    assert_eq!((session.len(), session[old].uint), (1, 9));
    assert_eq!(world.works(&mut session).updated, 1);
    assert_eq!(EVERYTHING.name(), "EverythingStream");
}

/// The crate's own date can hold MySQL's zero date: it is read, and can be replaced.
#[test]
fn a_zero_date_that_the_struct_can_hold_is_read_and_can_be_replaced() {
    let world = with_template();
    spoil(&world, "civil_day", "DATE", "'0000-00-00'");
    let mut session = world.engine.session();
    let row = session.require::<Everything>(1).unwrap();
    assert_eq!(session[row].civil_day.to_string(), "0000-00-00");
    session[row].uint = 2;
    world.works(&mut session);
    session[row].civil_day = everything().civil_day;
    assert_eq!(world.works(&mut session).updated, 1);
    assert_eq!(world.rows("SELECT civil_day FROM everything"), ["2024-02-29"]);
}
