//! Values that do not fit their column: an error that names table, column and value, before anything is sent.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use headwater::prelude::*;
use headwater::table::{CivilDate, CivilDateTime, CivilTime, Json};
use rust_decimal::Decimal;

use crate::common::{database, rows};

/// A test that a value is refused with these texts in the error.
macro_rules! refused {
    ($(#[$column:meta])? $name:ident: $type:ty; $value:expr, $($text:expr),+) => {
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
            let engine = builder.entity::<Thing>().build().expect("an engine");
            engine.schema().diff().expect("a diff").apply().expect("a table");
            let mut session = engine.session();
            session.insert(Thing { value: $value, ..Thing::default() });
            let log = database.record().expect("a log");
            let error = session.flush().expect_err("it does not fit");
            assert!(error.is_value(), "{error}");
            let text = error.to_string();
            for wanted in ["things.value: ", $($text),+] {
                assert!(text.contains(wanted), "{wanted} is not in {text}");
            }
            assert!(!log.executed().expect("the log").iter().any(|sql| sql.starts_with("INSERT")));
            assert!(rows(&database, "SELECT * FROM things").is_empty());
        }
    };
}

refused!(#[column(length = 3)] text: String; "äöü€".to_owned(), "4 characters; the column holds 3", "äöü€");
refused!(nullable_text: Option<String>; Some("x".repeat(256)), "256 characters; the column holds 255");
refused!(#[column(length = 2)] bytes: Vec<u8>; vec![1, 2, 255], "3 bytes; the column holds 2", "0x0102ff");
refused!(not_a_number: f64; f64::NAN, "NaN and infinity cannot be stored", "NaN");
refused!(infinite: f32; f32::NEG_INFINITY, "NaN and infinity cannot be stored", "-inf");
refused!(#[column(precision(5, 2))] decimal_digits: Decimal; Decimal::new(12_345, 3), "more than 2 digits after the point", "12.345");
refused!(#[column(precision(5, 2))] decimal_size: Decimal; Decimal::new(1000, 0), "more than 3 digits before the point", "1000");
refused!(early: NaiveDate; NaiveDate::from_ymd_opt(-1, 12, 31).expect("a day"), "no such day between the years 0 and 9999", "-0001-12-31");
refused!(late: NaiveDateTime; NaiveDate::from_ymd_opt(10_000, 1, 1).expect("a day").into(), "no such day", "10000-01-01");
refused!(endless: DateTime<Utc>; DateTime::<Utc>::MAX_UTC, "no such day");
refused!(span: TimeDelta; TimeDelta::microseconds(3_020_399_000_001), "outside of -838:59:59 to 838:59:59", "838:59:59.000001");
refused!(large_span: TimeDelta; TimeDelta::MIN, "outside of -838:59:59 to 838:59:59");
refused!(civil_date: CivilDate; CivilDate { year: 2023, month: 2, day: 29 }, "no such day", "2023-02-29");
refused!(civil_date_time: CivilDateTime; CivilDateTime { hour: 24, date: CivilDate { year: 1, month: 1, day: 1 }, ..CivilDateTime::default() }, "no such time of day", "24:00:00");
refused!(civil_time: CivilTime; CivilTime { hours: 839, ..CivilTime::default() }, "outside of", "839:00:00");
refused!(json: Json<std::collections::BTreeMap<Vec<u8>, u8>>; Json([(vec![1], 1)].into()), "cannot be written as JSON");

#[derive(Debug, Clone, Default, Table)]
#[table(name = "parents")]
struct Parent {
    #[column(id)]
    id: u64,
}

refused!(unset_reference: Ref<Parent>; Ref::default(), "the reference points nowhere");
refused!(reference_to_zero: Option<Ref<Parent>>; Some(Ref::to(0)), "the reference points nowhere", "0");
