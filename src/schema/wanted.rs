//! A table as its struct asks for it, and what no server could make of it.

use super::default::{self, Default};
use super::kind::Kind;
use crate::error::Error;
use crate::mysql::Flavour;
use crate::table::{ColumnDef, OnDelete, SqlType, TableDef};

/// A table as its struct asks for it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: Vec<Column>,
    /// The position of the primary key.
    pub(super) key: usize,
    pub(super) indexes: Vec<Index>,
    pub(super) foreign_keys: Vec<ForeignKey>,
}

/// A column as its struct asks for it.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
    pub(super) default: default::Wanted,
    pub(super) auto_increment: bool,
    /// Its text must be told apart by its bytes.
    pub(super) binary: bool,
    pub(super) fill: Fill,
}

/// What rows that are there already get in a new column that has no default and no NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// The server's empty value, which the field's type can read: 0, the empty text, the first name.
    Empty(&'static str),
    /// The time of the statement.
    Now,
    /// This constant: the server's empty value could not be read.
    Constant(&'static str),
    /// The server's empty value, which refers to no row.
    Dangling,
}

/// An index as a struct asks for it.
#[derive(Debug, Clone)]
pub(super) struct Index {
    pub(super) name: &'static str,
    pub(super) unique: bool,
    pub(super) columns: Vec<&'static str>,
}

/// A foreign key as a struct asks for it.
#[derive(Debug, Clone)]
pub(super) struct ForeignKey {
    pub(super) name: String,
    pub(super) column: &'static str,
    pub(super) to_table: &'static str,
    pub(super) to_column: &'static str,
    pub(super) on_delete: &'static str,
}

/// The longest name: <https://dev.mysql.com/doc/refman/8.4/en/identifier-length.html>.
const NAME: usize = 64;

/// The longest key of an index in bytes, in pages of 16 KiB:
/// <https://dev.mysql.com/doc/refman/8.4/en/innodb-limits.html>.
const INDEX_BYTES: u64 = 3072;

impl Table {
    /// The table of a struct, or everything about it that no server could make.
    pub(super) fn of(def: &'static TableDef, flavour: Flavour) -> Result<Table, Vec<Error>> {
        let mut problems = Problems(Vec::new());
        let columns: Vec<Column> = def
            .columns
            .iter()
            .enumerate()
            .map(|(position, column)| Column::of(def, position, column, flavour, &mut problems))
            .collect();
        let indexes: Vec<Index> = def
            .indexes
            .iter()
            .map(|index| Index {
                name: index.name,
                unique: index.unique,
                columns: index.columns.iter().map(|&column| def.columns[column].name).collect(),
            })
            .collect();
        let foreign_keys = def
            .columns
            .iter()
            .filter_map(|column| ForeignKey::of(def, column, &mut problems));
        let table = Table {
            name: def.name,
            key: def.id,
            foreign_keys: foreign_keys.collect(),
            columns,
            indexes,
        };
        table.check(&mut problems);
        match problems.0 {
            problems if problems.is_empty() => Ok(table),
            problems => Err(problems),
        }
    }

    pub(super) fn key(&self) -> &Column {
        &self.columns[self.key]
    }

    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn check(&self, problems: &mut Problems) {
        let names = std::iter::once(self.name)
            .chain(self.columns.iter().map(|column| column.name))
            .chain(self.indexes.iter().map(|index| index.name));
        for name in names.filter(|name| name.chars().count() > NAME) {
            problems.add(self.name, format!("the name `{name}` has more than {NAME} characters"));
        }
        self.check_index("the primary key", &[self.key().name], problems);
        for index in &self.indexes {
            self.check_index(&format!("index `{}`", index.name), &index.columns, problems);
        }
    }

    fn check_index(&self, index: &str, columns: &[&str], problems: &mut Problems) {
        let columns: Vec<&Column> = columns.iter().filter_map(|name| self.column(name)).collect();
        for column in columns.iter().filter(|column| column.kind.is_large()) {
            let (table, name, kind) = (self.name, column.name, &column.kind);
            problems.add(table, format!("{index}: the column `{name}` is {kind}, which cannot be indexed; give it a shorter `length`, at most 768 for text and 3072 for bytes"));
        }
        let bytes: u64 = columns
            .iter()
            .filter(|column| !column.kind.is_large())
            .filter_map(|column| column.kind.most_bytes())
            .sum();
        if bytes > INDEX_BYTES {
            problems.add(self.name, format!("{index} takes up to {bytes} bytes (four for each character), but a server indexes {INDEX_BYTES} at most: give its columns a shorter `length`, 768 for a text alone"));
        }
    }
}

impl Column {
    fn of(
        def: &'static TableDef,
        position: usize,
        column: &'static ColumnDef,
        flavour: Flavour,
        problems: &mut Problems,
    ) -> Column {
        let kind = Kind::of(&column.stored());
        let is_key = position == def.id;
        check_names(def.name, column, problems);
        let default = default::wanted(column.default.as_ref(), &kind, flavour).unwrap_or_else(|reason| {
            problems.add(def.name, format!("the default of `{}`: {reason}", column.name));
            default::Wanted {
                compared: Default::None,
                sql: None,
            }
        });
        let of_time = [def.created_at, def.updated_at].contains(&Some(position));
        Column {
            name: column.name,
            nullable: column.nullable && !is_key,
            auto_increment: is_key && column.sql.is_integer(),
            binary: column.binary_text && kind.is_text(),
            fill: match &kind {
                _ if column.reference.is_some() => Fill::Dangling,
                Kind::DateTime(_) if of_time => Fill::Now,
                Kind::Date | Kind::DateTime(_) => Fill::Constant("'1970-01-01'"),
                Kind::Json => Fill::Constant("('null')"),
                Kind::Enum(_) => Fill::Empty("the first of its names"),
                Kind::Time(_) => Fill::Empty("00:00:00"),
                Kind::Bool => Fill::Empty("false"),
                Kind::Binary(_) => Fill::Empty("a UUID of zeros"),
                Kind::Set(_) => Fill::Empty("the empty set"),
                kind if kind.most_bytes().is_some() => Fill::Empty("''"),
                _ => Fill::Empty("0"),
            },
            kind,
            default,
        }
    }
}

/// The names of ENUM and SET columns that a server would change or refuse.
fn check_names(table: &str, column: &ColumnDef, problems: &mut Problems) {
    let (names, is_set) = match column.sql {
        SqlType::Enum(names) => (names, false),
        SqlType::Set(names) => (names, true),
        _ => return,
    };
    let mut add = |reason: String| problems.add(table, format!("the column `{}`: {reason}", column.name));
    if names.is_empty() {
        add("its enumeration has no variants".to_owned());
    }
    for name in names {
        // Both servers cut spaces off the end: https://dev.mysql.com/doc/refman/8.4/en/enum.html
        if name.ends_with(' ') {
            add(format!("the name {name:?} must not end in a space"));
        }
        if is_set && name.contains(',') {
            add(format!(
                "the name {name:?} must not hold a comma, which parts the names of a set"
            ));
        }
        if name.chars().count() > 255 {
            add(format!("the name {name:?} has more than 255 characters"));
        }
    }
}

impl ForeignKey {
    fn of(def: &'static TableDef, column: &'static ColumnDef, problems: &mut Problems) -> Option<ForeignKey> {
        let reference = column.reference.as_ref()?;
        let constraint = reference.constraint?;
        let to = (reference.table)();
        let mut add = |reason: &str| problems.add(def.name, format!("the foreign key of `{}`: {reason}", column.name));
        if to.mysql != def.mysql {
            add(&format!(
                "the table `{}` is in the pool `{}`, which the pool `{}` cannot reach",
                to.name, to.mysql, def.mysql
            ));
        }
        if constraint == OnDelete::SetNull && !column.nullable {
            add("SET NULL needs a field of `Option<Ref<…>>`");
        }
        Some(ForeignKey {
            name: foreign_key_name(def.name, column.name),
            column: column.name,
            to_table: to.name,
            to_column: to.key().name,
            on_delete: match constraint {
                OnDelete::Restrict => "RESTRICT",
                OnDelete::Cascade => "CASCADE",
                OnDelete::SetNull => "SET NULL",
            },
        })
    }
}

/// `fk_<table>_<column>`; where that is too long its start and a hash of it, because these names are unique in
/// the whole database.
pub(super) fn foreign_key_name(table: &str, column: &str) -> String {
    let name = format!("fk_{table}_{column}");
    if name.chars().count() <= NAME {
        return name;
    }
    // FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let start: String = name.chars().take(NAME - 9).collect();
    format!("{start}_{hash:08x}")
}

/// What no server could make of a struct.
struct Problems(Vec<Error>);

impl Problems {
    fn add(&mut self, table: &str, reason: String) {
        self.0.push(Error::config(format!("table `{table}`: {reason}")));
    }
}
