//! Integers, booleans, floats and decimals.

use headwater::prelude::*;
use rust_decimal::Decimal;

use crate::common::database;
use crate::round_trip;

round_trip!(i_8: i8, by |v| *v; [i8::MIN, -1, 0, i8::MAX]);
round_trip!(u_8: u8, by |v| *v; [0, 1, u8::MAX]);
round_trip!(i_16: i16, by |v| *v; [i16::MIN, -1, 0, i16::MAX]);
round_trip!(u_16: u16, by |v| *v; [0, 1, u16::MAX]);
round_trip!(i_32: i32, by |v| *v; [i32::MIN, -1, 0, i32::MAX]);
round_trip!(u_32: u32, by |v| *v; [0, 1, u32::MAX]);
round_trip!(i_64: i64, by |v| *v; [i64::MIN, -1, 0, i64::MAX]);
round_trip!(u_64: u64, by |v| *v; [0, 1, u64::MAX]);
round_trip!(boolean: bool, by |v| *v; [false, true]);
round_trip!(f_32: f32, by |v| *v; [
    f32::MIN,
    -0.1,
    -f32::MIN_POSITIVE,
    f32::from_bits(1),
    0.0,
    f32::MIN_POSITIVE,
    0.1,
    1.0 / 3.0,
    16_777_217.0,
    f32::MAX,
]);
round_trip!(f_64: f64, by |v| *v; [
    f64::MIN,
    -0.1,
    -f64::MIN_POSITIVE,
    f64::from_bits(1),
    0.0,
    f64::MIN_POSITIVE,
    0.1,
    1.0 / 3.0,
    9_007_199_254_740_993.0,
    f64::MAX,
]);
round_trip!(decimal: Decimal, by |v| *v; [
    "-99999999999999999999.99999999",
    "-0.00000001",
    "0",
    "1.50",
    "99999999999999999999.99999999",
]
.map(|text| text.parse::<Decimal>().expect("a decimal")));
round_trip!(#[column(precision(5, 2))] short_decimal: Decimal, by |v| *v; ["-999.99", "0", "999.99"]
    .map(|text| text.parse::<Decimal>().expect("a decimal")));
round_trip!(#[column(precision(28, 28))] fraction: Decimal, by |v| *v; [
    "-0.7922816251426433759354395033",
    "0.0000000000000000000000000001",
]
.map(|text| text.parse::<Decimal>().expect("a decimal")));

/// MySQL keeps the sign of zero, MariaDB 10.11 does not; zero it is on both.
#[test]
fn negative_zero_is_zero() {
    #[derive(Debug, Clone, Default, Table)]
    #[table(name = "zeros")]
    struct Zero {
        #[column(id)]
        id: u32,
        single: f32,
        double: f64,
    }
    impl Entity for Zero {}

    let (_database, builder) = database();
    let engine = builder.entity::<Zero>().build().expect("an engine");
    engine.schema().diff().expect("a diff").apply().expect("a table");
    let mut session = engine.session();
    session.insert(Zero {
        single: -0.0,
        double: -0.0,
        ..Zero::default()
    });
    session.flush().expect("a row");
    let found = engine.session().query::<Zero>().fetch().expect("a readable row");
    assert_eq!((found[0].single, found[0].double), (0.0, 0.0));
}
