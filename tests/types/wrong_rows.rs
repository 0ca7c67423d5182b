//! Rows that do not fit their fields: an error that names table, column and value, never a panic or a guess.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use headwater::prelude::*;
use headwater::table::Json;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::common::{database, sql};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Enumeration)]
enum Status {
    #[default]
    Active,
    Banned,
}

/// A test that a row with this value in a column of this type cannot be read into the field.
macro_rules! unreadable {
    ($(#[$column:meta])? $name:ident: $sql:literal $value:literal into $type:ty; $($text:expr),+) => {
        #[test]
        fn $name() {
            #[derive(Debug, Clone, Default, Table)]
            #[table(name = "things")]
            struct Thing {
                #[column(id)]
                id: u32,
                $(#[$column])?
                value: $type,
            }
            impl Entity for Thing {}

            let (database, builder) = database();
            sql(&database, &[
                "SET sql_mode = ''",
                concat!("CREATE TABLE things (id INT UNSIGNED PRIMARY KEY, value ", $sql, ") CHARSET utf8mb4"),
                concat!("INSERT INTO things VALUES (7, ", $value, ")"),
            ]);
            let engine = builder.entity::<Thing>().build().expect("an engine");
            let mut session = engine.session();
            let errors = [
                session.query::<Thing>().fetch().map(|_| ()),
                session.query::<Thing>().all().map(|_| ()),
                session.find::<Thing>(7).map(|_| ()),
            ];
            for error in errors {
                let error = error.expect_err("it cannot be read");
                assert!(error.is_value(), "{error}");
                let text = error.to_string();
                for wanted in ["things.value: ", $($text),+] {
                    assert!(text.contains(wanted), "{wanted} is not in {text}");
                }
            }
            // The connection is as good as before.
            sql(&database, &["DELETE FROM things"]);
            assert!(session.query::<Thing>().all().expect("no rows").is_empty());
        }
    };
}

unreadable!(null_number: "INT" "NULL" into u32; "NULL in a column that may not be NULL");
unreadable!(null_text: "VARCHAR(9)" "NULL" into String; "NULL in a column that may not be NULL");
unreadable!(null_bytes: "BLOB" "NULL" into Vec<u8>; "NULL in a column that may not be NULL");
unreadable!(null_flag: "TINYINT(1)" "NULL" into bool; "NULL in a column that may not be NULL");
unreadable!(null_float: "DOUBLE" "NULL" into f64; "NULL in a column that may not be NULL");
unreadable!(null_day: "DATE" "NULL" into NaiveDate; "NULL in a column that may not be NULL");
unreadable!(null_status: "VARCHAR(9)" "NULL" into Status; "NULL in a column that may not be NULL");
unreadable!(null_set: "VARCHAR(9)" "NULL" into Set<Status>; "NULL in a column that may not be NULL");
unreadable!(null_uuid: "BINARY(16)" "NULL" into Uuid; "NULL in a column that may not be NULL");
unreadable!(null_decimal: "DECIMAL(5,2)" "NULL" into Decimal; "NULL in a column that may not be NULL");
unreadable!(null_json: "JSON" "NULL" into Json<u8>; "NULL in a column that may not be NULL");
unreadable!(null_reference: "INT" "NULL" into Ref<Parent>; "NULL in a column that may not be NULL");

unreadable!(large: "INT" "256" into u8; "does not fit u8", "(value: 256)");
unreadable!(negative: "INT" "-1" into u64; "does not fit u64", "(value: -1)");
unreadable!(beyond_signed: "BIGINT UNSIGNED" "18446744073709551615" into i64; "does not fit i64", "(value: 18446744073709551615)");
unreadable!(optional: "INT" "256" into Option<u8>; "does not fit u8", "(value: 256)");
unreadable!(fraction: "DECIMAL(5,2)" "1.5" into u8; "does not fit u8", "1.50");
unreadable!(word: "VARCHAR(9)" "'seven'" into i32; "does not fit i32", "\"seven\"");
unreadable!(flag: "TINYINT" "2" into bool; "expected 0 or 1", "(value: 2)");
unreadable!(precise: "DOUBLE" "0.1" into f32; "does not fit f32", "(value: 0.1)");
unreadable!(long_decimal: "DECIMAL(40,0)" "1000000000000000000000000000000" into Decimal; "not a decimal number of at most 28 digits", "1000000000000000000000000000000");
unreadable!(status: "ENUM('Active','Gone')" "'Gone'" into Status; "not one of Active, Banned", "\"Gone\"");
unreadable!(case: "VARCHAR(9)" "'active'" into Status; "not one of Active, Banned", "\"active\"");
unreadable!(empty_status: "ENUM('Active')" "''" into Status; "not one of Active, Banned", "\"\"");
unreadable!(set: "SET('Active','Gone')" "'Active,Gone'" into Set<Status>; "not one of Active, Banned", "\"Gone\"");
unreadable!(#[column(set)] list: "SET('Active','Gone')" "'Gone'" into BTreeSet<Status>; "not one of Active, Banned", "\"Gone\"");
unreadable!(utf8: "VARBINARY(9)" "X'61FF'" into String; "not valid UTF-8", "0x61ff");
unreadable!(optional_utf8: "VARBINARY(9)" "X'C3'" into Option<String>; "not valid UTF-8", "0xc3");
unreadable!(latin1_status: "VARBINARY(9)" "X'FF'" into Status; "not valid UTF-8", "0xff");
unreadable!(short_uuid: "VARBINARY(16)" "X'010203'" into Uuid; "not a UUID");
unreadable!(zero_day: "DATE" "'0000-00-00'" into NaiveDate; "no such day", "0000-00-00");
unreadable!(zero_month: "DATE" "'2024-00-01'" into Option<NaiveDate>; "no such day", "2024-00-01");
unreadable!(zero_moment: "DATETIME" "'0000-00-00 00:00:00'" into DateTime<Utc>; "no such day", "0000-00-00 00:00:00");
unreadable!(moment: "DATETIME" "'2024-01-02 03:04:05'" into NaiveDate; "expected a date", "2024-01-02 03:04:05");
unreadable!(no_moment: "VARCHAR(20)" "'2024-01-02'" into NaiveDateTime; "expected a date and time", "\"2024-01-02\"");
unreadable!(no_time: "INT" "7" into NaiveTime; "expected a time", "(value: 7)");
unreadable!(span: "TIME" "'25:00:00'" into NaiveTime; "not a time of day", "25:00:00");
unreadable!(negative_time: "TIME(6)" "'-00:00:00.000001'" into NaiveTime; "not a time of day", "-00:00:00.000001");
unreadable!(json: "JSON" "'{\"a\": 1}'" into Json<Vec<u8>>; "not the JSON expected", "a");
unreadable!(no_json: "VARCHAR(20)" "'{'" into Json<u8>; "not the JSON expected", "{");
unreadable!(reference: "INT" "-7" into Ref<Parent>; "does not fit u64", "(value: -7)");
unreadable!(number_text: "INT" "7" into String; "expected text", "(value: 7)");

#[derive(Debug, Clone, Default, Table)]
#[table(name = "parents")]
struct Parent {
    #[column(id)]
    id: u64,
}
