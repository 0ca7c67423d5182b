//! Text, bytes, UUIDs, enumerations, sets and JSON.

use headwater::prelude::*;
use headwater::table::Json;
use serde_json::json;
use uuid::Uuid;

use crate::round_trip;

round_trip!(text: String, by |v| v; [
    String::new(),
    " ".to_owned(),
    "a  ".to_owned(),
    "\0\n\r\t\u{1a}\\'\"`%_".to_owned(),
    "ünï ☃ 😀 e\u{301}".to_owned(),
    "NULL".to_owned(),
    "\u{10ffff}".repeat(255),
    "x".repeat(255),
]);
round_trip!(#[column(length = 1)] letter: String, by |v| v; [String::new(), "😀".to_owned(), "a".to_owned()]);
round_trip!(#[column(length = 8_000)] varchar: String, by |v| v; [String::new(), "x".repeat(4_000), "😀".repeat(4_000)]);
round_trip!(#[column(length = 16_384)] mediumtext: String; [String::new(), "😀".repeat(16_384)]);
round_trip!(#[column(length = max)] longtext: String; [String::new(), "ü".repeat(300_000)]);
round_trip!(blob: Vec<u8>, by |v| v; [vec![], vec![0; 3], (0..=255).collect(), vec![255; 65_535]]);
round_trip!(#[column(length = 10)] varbinary: Vec<u8>, by |v| v; [vec![], vec![0; 10], vec![255; 10], b"a ".to_vec()]);
round_trip!(#[column(length = max)] longblob: Vec<u8>; [vec![], vec![0; 1_000_000]]);
round_trip!(uuid: Uuid, by |v| *v; [Uuid::nil(), Uuid::max(), Uuid::from_u128(0x20 << 120)]);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
enum Mood {
    #[default]
    Good,
    #[enumeration(name = "it's \"so\\so\"")]
    SoSo,
    #[enumeration(name = "schlächt 😀")]
    Bad,
}

round_trip!(enumeration: Mood, by |v| *v; [Mood::Good, Mood::SoSo, Mood::Bad]);
round_trip!(set: Set<Mood>, by |v| *v; [
    Set::empty(),
    Set::of([Mood::SoSo]),
    Set::of([Mood::Bad, Mood::Good]),
    Set::of([Mood::Good, Mood::SoSo, Mood::Bad]),
]);

/// As many as a SET can have.
#[rustfmt::skip]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
enum Many {
    V00, V01, V02, V03, V04, V05, V06, V07, V08, V09, V10, V11, V12, V13, V14, V15,
    V16, V17, V18, V19, V20, V21, V22, V23, V24, V25, V26, V27, V28, V29, V30, V31,
    V32, V33, V34, V35, V36, V37, V38, V39, V40, V41, V42, V43, V44, V45, V46, V47,
    V48, V49, V50, V51, V52, V53, V54, V55, V56, V57, V58, V59, V60, V61, V62, V63,
}

round_trip!(large_set: Set<Many>, by |v| *v; [
    Set::empty(),
    Set::of([Many::V63]),
    (0..64).filter_map(Many::at).collect(),
]);

round_trip!(json: Json<serde_json::Value>; [
    json!(null),
    json!(0),
    json!(u64::MAX),
    json!(i64::MIN),
    json!(0.1),
    json!(1e300),
    json!(""),
    json!("ünï 😀 \" \\ \u{0} \n"),
    json!([]),
    json!({}),
    json!({"b": [1, {"": null}], "a": true, "ü 😀": 1.5}),
]
.map(Json));
round_trip!(json_of_a_type: Json<Vec<Option<String>>>; [
    Json(vec![]),
    Json(vec![None, Some(String::new()), Some("x".repeat(100_000))]),
]);
