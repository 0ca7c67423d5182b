//! Which type becomes which without loss, and how servers print types.

use crate::schema::kind::{Change, Kind, Lob, change};

#[test]
fn a_type_changes_safely_only_into_one_that_holds_all_its_values() {
    let integer = |bytes, signed| Kind::Integer { bytes, signed };
    let decimal = |precision, scale| Kind::Decimal { precision, scale };
    let same = [
        (integer(1, true), Kind::Bool),
        (decimal(5, 2), decimal(5, 2)),
        (Kind::Enum(vec!["?".to_owned()]), Kind::Enum(vec!["😀".to_owned()])),
    ];
    let safe = [
        (integer(4, true), integer(8, true)),
        (integer(3, false), integer(4, false)),
        (integer(4, false), integer(8, true)),
        (Kind::Float, Kind::Double),
        (decimal(5, 2), decimal(6, 3)),
        (Kind::Varchar(255), Kind::Varchar(256)),
        (Kind::Char(9), Kind::Varchar(9)),
        (Kind::Varchar(16_383), Kind::Text(Lob::Medium)),
        (Kind::Text(Lob::Regular), Kind::Text(Lob::Medium)),
        (Kind::Text(Lob::Tiny), Kind::Varchar(255)),
        (Kind::Binary(16), Kind::Varbinary(16)),
        (Kind::Varbinary(100), Kind::Blob(Lob::Regular)),
        (Kind::Date, Kind::DateTime(0)),
        (Kind::Time(0), Kind::Time(6)),
        (Kind::Timestamp(3), Kind::DateTime(6)),
    ];
    let destructive = [
        (integer(8, true), integer(4, true)),
        (integer(4, true), integer(4, false)),
        (integer(4, true), integer(8, false)),
        (integer(4, false), integer(4, true)),
        (integer(1, false), Kind::Bool),
        (integer(8, true), Kind::Double),
        (Kind::Double, Kind::Float),
        (decimal(6, 3), decimal(6, 2)),
        (decimal(6, 2), decimal(6, 3)),
        (Kind::Varchar(256), Kind::Varchar(255)),
        (Kind::Text(Lob::Tiny), Kind::Varchar(254)),
        (Kind::Text(Lob::Regular), Kind::Varchar(16_383)),
        (Kind::Varchar(10), Kind::Varbinary(40)),
        (Kind::Varbinary(17), Kind::Binary(16)),
        (Kind::Text(Lob::Long), Kind::Json),
        (Kind::Json, Kind::Text(Lob::Long)),
        (Kind::DateTime(0), Kind::Date),
        (Kind::DateTime(6), Kind::DateTime(3)),
        (Kind::Other("uuid".to_owned()), Kind::Binary(16)),
    ];
    for (found, wanted) in same {
        assert_eq!(change(&found, &wanted), Change::None, "{found} {wanted}");
    }
    for (found, wanted) in safe {
        assert_eq!(change(&found, &wanted), Change::Safe, "{found} {wanted}");
    }
    for (found, wanted) in destructive {
        assert!(
            matches!(change(&found, &wanted), Change::Destructive { .. }),
            "{found} {wanted}"
        );
    }
}

#[test]
fn types_are_read_as_both_servers_print_them() {
    let integer = |bytes, signed| Kind::Integer { bytes, signed };
    for (printed, kind) in [
        ("tinyint(1)", integer(1, true)),
        ("tinyint(3) unsigned", integer(1, false)),
        ("int", integer(4, true)),
        ("int(10) unsigned zerofill", integer(4, false)),
        ("bigint unsigned", integer(8, false)),
        ("mediumint(9)", integer(3, true)),
        ("float", Kind::Float),
        ("float(7,2)", Kind::Other("float(7,2)".to_owned())),
        ("double unsigned", Kind::Other("double unsigned".to_owned())),
        (
            "decimal(28,8)",
            Kind::Decimal {
                precision: 28,
                scale: 8,
            },
        ),
        ("varchar(255)", Kind::Varchar(255)),
        ("varchar(20) /*M!100301 COMPRESSED*/", Kind::Varchar(20)),
        ("longblob", Kind::Blob(Lob::Long)),
        ("time", Kind::Time(0)),
        ("datetime(6)", Kind::DateTime(6)),
        (
            "enum('a','it''s, \\\\ (x)')",
            Kind::Enum(vec!["a".to_owned(), "it's, \\ (x)".to_owned()]),
        ),
        ("set('x')", Kind::Set(vec!["x".to_owned()])),
        ("geometry", Kind::Other("geometry".to_owned())),
        ("enum(", Kind::Other("enum(".to_owned())),
        ("", Kind::Other(String::new())),
    ] {
        assert_eq!(Kind::parse(printed), kind, "{printed}");
    }
}
