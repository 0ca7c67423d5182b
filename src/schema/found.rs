//! A table as the server has it, in one form for both servers.

use super::default::Default;
use super::kind::Kind;

/// A table as the server has it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) name: String,
    /// A view, a sequence: anything but a table.
    pub(super) foreign_kind: Option<String>,
    pub(super) engine: String,
    pub(super) collation: String,
    pub(super) columns: Vec<Column>,
    /// The columns of the primary key.
    pub(super) primary: Vec<String>,
    pub(super) indexes: Vec<Index>,
    pub(super) foreign_keys: Vec<ForeignKey>,
    /// Whether it holds a row; asked only where a column is missing.
    pub(super) has_rows: bool,
}

/// A column as the server has it.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
    pub(super) default: Default,
    pub(super) auto_increment: bool,
    /// Its value is computed: nothing can be written into it.
    pub(super) generated: bool,
    /// The server changes it with every UPDATE.
    pub(super) on_update: bool,
    /// The charset, for text.
    pub(super) charset: Option<String>,
    /// The collation, for text.
    pub(super) collation: Option<String>,
    pub(super) comment: String,
}

/// An index as the server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) unique: bool,
    pub(super) columns: Vec<String>,
    /// Whole columns in a B-tree: no prefixes, no expressions, no full text.
    pub(super) plain: bool,
}

/// A foreign key as the server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForeignKey {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) to_table: String,
    pub(super) to_columns: Vec<String>,
    /// `CASCADE`, `SET NULL`, `RESTRICT`; InnoDB makes no difference between the last and `NO ACTION`.
    pub(super) on_delete: String,
}

/// Column and index names are the same in upper and lower case on both servers
/// (<https://dev.mysql.com/doc/refman/8.4/en/identifier-case-sensitivity.html>).
pub(super) fn same_name(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

impl Table {
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| same_name(&column.name, name))
    }

    pub(super) fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| same_name(&index.name, name))
    }

    /// Whether new text columns are utf8mb4 where nothing else is said.
    pub(super) fn is_utf8mb4(&self) -> bool {
        self.collation.starts_with("utf8mb4_")
    }
}
