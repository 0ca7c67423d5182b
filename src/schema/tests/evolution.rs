//! Random structs follow each other on one table: what is safe is done once, then all is, and nothing is left.

use super::{SchemaStep, server};
use crate::table::{ColumnDef, DefaultValue, IndexDef, OnDelete, Reference, SqlType, TableDef};

/// Repeats itself from a seed (<https://en.wikipedia.org/wiki/Xorshift>).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).expect("few")).expect("few")
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

const NONE: Option<DefaultValue> = None;
const fn text(value: &'static str) -> Option<DefaultValue> {
    Some(DefaultValue::Text(value))
}
const fn int(value: i64) -> Option<DefaultValue> {
    Some(DefaultValue::Int(value))
}

/// What a column can be, with a default that fits.
const TYPES: [(SqlType, Option<DefaultValue>); 40] = [
    (SqlType::Bool, Some(DefaultValue::Bool(true))),
    (SqlType::Integer { bytes: 1, signed: true }, int(-1)),
    (
        SqlType::Integer {
            bytes: 1,
            signed: false,
        },
        int(255),
    ),
    (SqlType::Integer { bytes: 2, signed: true }, int(-32_768)),
    (
        SqlType::Integer {
            bytes: 4,
            signed: false,
        },
        int(0),
    ),
    (SqlType::Integer { bytes: 4, signed: true }, NONE),
    (SqlType::Integer { bytes: 8, signed: true }, int(i64::MIN)),
    (
        SqlType::Integer {
            bytes: 8,
            signed: false,
        },
        int(i64::MAX),
    ),
    (SqlType::Float, Some(DefaultValue::Float(0.1))),
    (SqlType::Float, Some(DefaultValue::Float(-1.234_567_8e-20))),
    (SqlType::Double, Some(DefaultValue::Float(1e300))),
    (SqlType::Double, int(3)),
    (SqlType::Decimal { precision: 5, scale: 2 }, text("-1.5")),
    (
        SqlType::Decimal {
            precision: 28,
            scale: 8,
        },
        Some(DefaultValue::Float(0.25)),
    ),
    (
        SqlType::Decimal {
            precision: 65,
            scale: 30,
        },
        int(7),
    ),
    (SqlType::Decimal { precision: 9, scale: 0 }, text("0")),
    (SqlType::Text { length: 1 }, text("😀")),
    (SqlType::Text { length: 100 }, text("it's \\ \"")),
    (SqlType::Text { length: 255 }, text("")),
    (SqlType::Text { length: 700 }, text("NULL")),
    (SqlType::Text { length: 20_000 }, NONE),
    (SqlType::Text { length: u32::MAX }, NONE),
    (SqlType::Bytes { length: 16 }, text("ü'")),
    (SqlType::Bytes { length: 200 }, text("")),
    (SqlType::Bytes { length: 65_535 }, NONE),
    (SqlType::Bytes { length: 100_000 }, NONE),
    (SqlType::Bytes { length: u32::MAX }, NONE),
    (SqlType::Uuid, NONE),
    (SqlType::Enum(&["a", "b"]), text("b")),
    (SqlType::Enum(&["b", "a", "it's"]), text("it's")),
    (SqlType::Enum(&["😀", "b\\"]), text("😀")),
    (SqlType::Set(&["a", "b"]), text("b,a")),
    (SqlType::Set(&["c", "b", "a"]), text("")),
    (SqlType::Date, text("2024-2-29")),
    (SqlType::Time { digits: 0 }, text("-838:59:59")),
    (SqlType::Time { digits: 6 }, text("1:2:3.000004")),
    (SqlType::DateTime { digits: 0 }, text("CURRENT_TIMESTAMP")),
    (SqlType::DateTime { digits: 3 }, text("2024-02-29 01:02:03.4")),
    (SqlType::DateTime { digits: 6 }, text("now()")),
    (SqlType::Json, NONE),
];

const NAMES: [&str; 7] = ["one", "two", "three", "four", "five", "six", "select"];
const KEYS: [SqlType; 6] = [
    SqlType::Integer {
        bytes: 8,
        signed: false,
    },
    SqlType::Integer { bytes: 4, signed: true },
    SqlType::Integer {
        bytes: 1,
        signed: false,
    },
    SqlType::Text { length: 26 },
    SqlType::Text { length: 255 },
    SqlType::Uuid,
];

fn parent() -> &'static TableDef {
    static PARENT: TableDef = TableDef {
        name: "parents",
        quoted: "`parents`",
        entity: "Parent",
        columns: &[ColumnDef {
            table: "parents",
            name: "id",
            quoted: "`id`",
            field: "id",
            sql: SqlType::Integer {
                bytes: 4,
                signed: false,
            },
            nullable: false,
            default: None,
            reference: None,
            binary_text: true,
        }],
        list: "`id`",
        id: 0,
        version: None,
        created_at: None,
        updated_at: None,
        deleted_at: None,
        indexes: &[],
        mysql: "default",
        redis: "default",
    };
    &PARENT
}

/// A struct that somebody might write; it lives as long as the process, as the real ones do.
fn some_table(dice: &mut Dice) -> &'static TableDef {
    let column = |name, sql| ColumnDef {
        table: "things",
        name,
        quoted: "",
        field: name,
        sql,
        nullable: false,
        default: None,
        reference: None,
        binary_text: false,
    };
    let mut columns = vec![column("id", dice.of(&KEYS))];
    columns[0].binary_text = true;
    for name in NAMES {
        if dice.one_in(4) {
            continue;
        }
        let (sql, default) = dice.of(&TYPES);
        let mut some = column(name, sql);
        some.nullable = dice.one_in(2);
        some.default = default.filter(|_| dice.one_in(2));
        if dice.one_in(6) {
            some.sql = parent().columns[0].sql;
            some.default = None;
            some.binary_text = true;
            let constraint = [None, Some(OnDelete::Restrict), Some(OnDelete::Cascade)];
            some.reference = Some(Reference {
                table: parent,
                constraint: dice.of(&constraint),
            });
        }
        columns.push(some);
    }
    let mut indexes = Vec::new();
    for (position, column) in columns.iter().enumerate().skip(1) {
        let large = matches!(column.sql, SqlType::Json)
            || matches!(column.sql, SqlType::Text { length } | SqlType::Bytes { length } if length > 700);
        if column.reference.is_some() || (!large && dice.one_in(3)) {
            let unique = dice.one_in(2);
            let name = format!("{}_{}", if unique { "uq" } else { "ix" }, column.name);
            indexes.push(IndexDef {
                name: name.leak(),
                columns: vec![position].leak(),
                unique,
            });
        }
    }
    Box::leak(Box::new(TableDef {
        name: "things",
        quoted: "`things`",
        entity: "Thing",
        columns: columns.leak(),
        list: "",
        indexes: indexes.leak(),
        ..*parent()
    }))
}

#[test]
fn any_struct_may_follow_any_other() {
    let server = server();
    for seed in 1..=60 {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let tables = [parent(), some_table(&mut dice)];
        let diff = server.diff(&tables);
        diff.apply()
            .unwrap_or_else(|error| panic!("seed {seed}: {error}\n{diff}"));
        let left = server.diff(&tables);
        assert!(
            left.steps().iter().all(SchemaStep::is_destructive),
            "seed {seed}:\n{diff}\nleft:\n{left}"
        );
        left.apply_all()
            .unwrap_or_else(|error| panic!("seed {seed}: {error}\n{left}"));
        let rest = server.diff(&tables);
        assert!(rest.is_empty(), "seed {seed}:\n{left}\nleft:\n{rest}");
    }
}
