//! A table with a column of every type is made, and nothing is left to do.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Server, server};
use crate::table::{CivilTime, Json, Ref, Set, TableDef};
use crate::{Enumeration, Table};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Enumeration)]
enum Mood {
    #[default]
    Good,
    #[enumeration(name = "it's \"so\\so\" (`)")]
    SoSo,
    #[enumeration(name = "schlächt 😀")]
    Bad,
    #[enumeration(name = "gööd")]
    Accented,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "plain")]
struct Plain {
    #[column(id)]
    id: u64,
    flag: bool,
    i8: i8,
    u8: u8,
    i16: i16,
    u16: u16,
    i32: i32,
    u32: u32,
    i64: i64,
    u64: u64,
    f32: f32,
    f64: f64,
    decimal: Decimal,
    #[column(precision(5, 2))]
    short_decimal: Decimal,
    text: String,
    #[column(length = 8_000)]
    long_text: String,
    #[column(length = 16_384)]
    medium_text: String,
    #[column(length = 5_000_000)]
    longest_text: String,
    #[column(length = 8_000)]
    bytes: Vec<u8>,
    blob: Vec<u8>,
    #[column(length = 65_536)]
    medium_blob: Vec<u8>,
    #[column(length = 16_777_216)]
    long_blob: Vec<u8>,
    uuid: Uuid,
    mood: Mood,
    #[column(set)]
    moods: Vec<Letter>,
    date: NaiveDate,
    #[column(precision = 0)]
    whole_time: NaiveTime,
    time: NaiveTime,
    span: TimeDelta,
    civil: CivilTime,
    at: NaiveDateTime,
    #[column(precision = 3)]
    at_utc: DateTime<Utc>,
    json: Json<Vec<u32>>,
    #[column(name = "odd `name` ☃ 100%")]
    odd: u8,
    #[column(name = "select")]
    keyword: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Enumeration)]
enum Letter {
    A,
    #[enumeration(name = "y'z")]
    B,
    C,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "nullable")]
struct Nullable {
    #[column(id)]
    id: i32,
    flag: Option<bool>,
    i8: Option<i8>,
    u64: Option<u64>,
    f32: Option<f32>,
    f64: Option<f64>,
    decimal: Option<Decimal>,
    text: Option<String>,
    #[column(length = 20_000)]
    medium_text: Option<String>,
    bytes: Option<Vec<u8>>,
    #[column(length = 10)]
    short_bytes: Option<Vec<u8>>,
    uuid: Option<Uuid>,
    mood: Option<Mood>,
    moods: Option<Set<Letter>>,
    date: Option<NaiveDate>,
    time: Option<NaiveTime>,
    at: Option<NaiveDateTime>,
    json: Option<Json<String>>,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "defaults")]
struct Defaults {
    #[column(id)]
    id: u32,
    #[column(default = true)]
    flag: bool,
    #[column(default = -128)]
    i8: i8,
    #[column(default = 9223372036854775807)]
    u64: u64,
    #[column(default = 0.1)]
    f32: f32,
    #[column(default = 16777217)]
    large_f32: f32,
    #[column(default = 0.30000000000000004)]
    f64: f64,
    #[column(default = 1e100)]
    large_f64: f64,
    #[column(default = "-000.5")]
    decimal: Decimal,
    #[column(default = 1.25)]
    decimal_of_float: Decimal,
    #[column(default = "it's a \\ \"back\\\\slash\"\n\tünï 😀 `%`")]
    text: String,
    #[column(default = "")]
    empty: String,
    #[column(default = "NULL")]
    null: Option<String>,
    #[column(default = "CURRENT_TIMESTAMP")]
    not_now: String,
    #[column(default = "ab'\\ü😀", length = 30)]
    bytes: Vec<u8>,
    #[column(default = "", length = 30)]
    no_bytes: Vec<u8>,
    #[column(default = "it's \"so\\so\" (`)")]
    mood: Mood,
    #[column(default = "schlächt 😀")]
    bad_mood: Mood,
    #[column(default = "C,A")]
    moods: Set<Letter>,
    #[column(default = "")]
    no_moods: Set<Letter>,
    #[column(default = "2024-02-29")]
    date: NaiveDate,
    #[column(default = "-838:59:59")]
    span: TimeDelta,
    #[column(default = "7:5", precision = 0)]
    time: NaiveTime,
    #[column(default = "2024-02-29")]
    at: NaiveDateTime,
    #[column(default = "CURRENT_TIMESTAMP")]
    now: NaiveDateTime,
    #[column(default = "now()", precision = 0)]
    now_in_seconds: Option<NaiveDateTime>,
}

#[derive(Debug, Clone, Default, Table)]
#[table(
    name = "text_keys",
    index(unique, given, family, name = "uq_whole_name"),
    index(born)
)]
struct TextKey {
    #[column(id, length = 26)]
    id: String,
    #[column(length = 100)]
    given: String,
    #[column(length = 100)]
    family: String,
    #[column(unique)]
    email: String,
    #[column(index = "by_country", length = 768)]
    country: String,
    born: Option<NaiveDate>,
    parent: Option<Ref<TextKey>>,
    #[column(unique, length = 3072)]
    digest: Vec<u8>,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "uuid_keys")]
struct UuidKey {
    #[column(id)]
    id: Uuid,
    #[column(references)]
    owner: Ref<TextKey>,
    #[column(references(on_delete = "set_null"))]
    twin: Option<Ref<UuidKey>>,
}

const ALL: [&TableDef; 5] = [
    Plain::TABLE,
    Nullable::TABLE,
    Defaults::TABLE,
    TextKey::TABLE,
    UuidKey::TABLE,
];

#[test]
fn a_second_diff_is_empty() {
    let server = server();
    let diff = server.diff(&ALL);
    assert!(diff.steps().iter().all(|step| !step.is_destructive()), "{diff}");
    assert_eq!(server.apply(&ALL), diff.steps().len());
    server.assert_matches(&ALL);
    assert_eq!(server.apply(&ALL), 0);
    server.schema(&ALL).verify().expect("nothing differs");
}

#[test]
fn keys_and_names_are_told_apart_by_their_bytes_and_other_text_is_not() {
    let server = server();
    server.apply(&ALL);
    let binary = server.texts(
        "SELECT CONCAT(TABLE_NAME, '.', COLUMN_NAME) FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA = DATABASE() AND COLLATION_NAME = 'utf8mb4_bin' AND DATA_TYPE NOT IN ('enum', 'set', 'longtext') \
         ORDER BY 1",
    );
    assert_eq!(binary, ["text_keys.id", "text_keys.parent", "uuid_keys.owner"]);
    server.run(&[
        "INSERT INTO text_keys (id, given, family, email, country, digest) VALUES ('a', 'A', 'B', 'x', '', 'x'), ('A', 'C', 'D', '😀', '', 'X'), ('á', 'E', 'F', '😁', '', 'y')",
    ]);
    let mut connection = server.pool.get().expect("a connection");
    let error = connection
        .define(
            "INSERT INTO text_keys (id, given, family, email, country, digest) VALUES ('b', 'é', 'f', 'y', '', 'z')",
            "text_keys",
        )
        .expect_err("E, F is there");
    assert!(error.is_duplicate_key(), "{error}");
    let error = connection
        .define(
            "INSERT INTO text_keys (id, given, family, email, country, digest) VALUES ('b', '', '', 'X', '', 'z')",
            "text_keys",
        )
        .expect_err("x is there");
    assert!(error.is_duplicate_key(), "{error}");
}

#[test]
fn defaults_are_stored_as_declared() {
    let server = server();
    server.apply(&ALL);
    server.run(&["INSERT INTO defaults (id) VALUES (NULL)"]);
    let of = |columns: &str| first(&server, &format!("SELECT CONCAT_WS('|', {columns}) FROM defaults"));
    assert_eq!(
        of("flag, i8, u64, f64, `decimal`"),
        "1|-128|9223372036854775807|0.30000000000000004|-0.50000000"
    );
    assert_eq!(of("text"), "it's a \\ \"back\\\\slash\"\n\tünï 😀 `%`");
    assert_eq!(
        of("`empty`, `null`, not_now, bytes, no_bytes"),
        "|NULL|CURRENT_TIMESTAMP|ab'\\ü😀|"
    );
    assert_eq!(
        of("mood, bad_mood, moods, no_moods"),
        "it's \"so\\so\" (`)|schlächt 😀|A,C|"
    );
    assert_eq!(
        of("`date`, span, `time`, at"),
        "2024-02-29|-838:59:59.000000|07:05:00|2024-02-29 00:00:00.000000"
    );
    assert_eq!(
        of("TIMESTAMPDIFF(MINUTE, now, UTC_TIMESTAMP(6)), now_in_seconds IS NOT NULL"),
        "0|1"
    );
}

#[track_caller]
fn first(server: &Server, sql: &str) -> String {
    server.texts(sql).swap_remove(0)
}
