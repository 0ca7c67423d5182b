//! The schema of the databases: what they lack to match the structs, and the statements that mend it.
//!
//! [`Schema::diff`] reads the tables of the registered structs from `information_schema` and compares. Each
//! statement that comes out of it is safe or destructive; [`SchemaDiff::apply`] runs the safe ones.
//!
//! # What is safe
//!
//! A statement is safe when every value that the table holds stays as it is and can still be read. Either it is
//! done, or it fails with a clear error and nothing is changed. That is so for: making a table; adding a column;
//! a type that holds all values of the old one (a longer VARCHAR, a larger integer, more digits); allowing NULL;
//! names added to an ENUM or SET, and another order of them (rows are mapped by name); a default; indexes and
//! foreign keys; InnoDB and utf8mb4.
//!
//! It is destructive to drop a column, to narrow or change a type, to take names from an ENUM or SET, to forbid
//! NULL, to exchange the primary key, and to add a column for which rows that exist would get a value that their
//! struct cannot read, that refers to no row, or that is not unique.
//!
//! MySQL changes no column while a foreign key uses it, so that the key is dropped before and comes back after;
//! when a statement between fails, the next diff brings it back.
//!
//! Where a change has a safe part, that part is a statement by itself: a column of
//! `ENUM('a','b')` that shall be `ENUM('b','c')` is `ENUM('a','b','c')` after `apply`.
//!
//! # What is left alone
//!
//! Tables without a registered struct; indexes that no struct declares, unless their names start with `ix_` or
//! `uq_`; foreign keys unless they have the name that this crate gives, `fk_<table>_<column>`; the order of
//! columns; comments; utf8mb4 collations that somebody chose. A column that the struct does not have stays until
//! [`apply_all`](SchemaDiff::apply_all), but gets a default, because without one no row could be inserted. A
//! column with another name is another column: rename it by hand before the struct is used.
//!
//! # What tables are made of
//!
//! InnoDB, utf8mb4, collation `utf8mb4_unicode_520_ci`: MySQL and MariaDB both have it, and it tells emoji
//! apart. Upper and lower case, accents and spaces at the end make no difference to it, so that a unique column
//! does not take both `Ana` and `ana`. Keys, references, ENUM and SET are told apart by their bytes
//! (`utf8mb4_bin`). Another utf8mb4 collation of a table or a column is kept: change it with ALTER TABLE where
//! the order of a language is needed. Integer keys are AUTO_INCREMENT.

mod apply;
mod change;
mod columns;
mod default;
mod diff;
mod foreign_keys;
mod found;
mod indexes;
mod kind;
mod literal;
mod moment;
mod read;
mod render;
mod step;
#[cfg(all(test, feature = "chrono", feature = "uuid", feature = "decimal", feature = "json"))]
mod tests;
mod wanted;

use std::sync::Arc;

pub use apply::SchemaDiff;
pub use step::SchemaStep;

use crate::error::{Error, ErrorKind, Result};
use crate::mysql::{Connection, Flavour, MysqlPool};
use crate::table::TableDef;

/// The schema of the databases of an engine.
///
/// ```no_run
/// # fn main() -> headwater::Result<()> {
/// # let engine = headwater::Engine::builder().mysql("mysql://app@localhost/shop").build()?;
/// let diff = engine.schema().diff()?;
/// print!("{diff}");                            // SQL with comments
/// let statements = diff.apply()?;              // the safe ones
/// println!("{statements} statements run, {} left", engine.schema().diff()?.steps().len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Schema {
    pools: Arc<[PoolTables]>,
}

/// The tables of one database.
#[derive(Debug)]
pub(crate) struct PoolTables {
    pub(crate) pool: MysqlPool,
    /// Tables before those that refer to them, as far as that can be.
    pub(crate) tables: Vec<&'static TableDef>,
    /// Tables of the crate itself, which are made when they are missing: name and CREATE TABLE.
    pub(crate) extra: Vec<(String, String)>,
}

impl Schema {
    /// The schema of the databases of these pools.
    pub(crate) fn new(pools: Vec<PoolTables>) -> Self {
        Schema { pools: pools.into() }
    }

    /// The statements that make the databases match the structs.
    ///
    /// # Errors
    ///
    /// [`Config`](ErrorKind::Config) for a struct that no server could store as it is declared, such as an index
    /// over a text that is too long ([`Several`](ErrorKind::Several) for more than one);
    /// [`Schema`](ErrorKind::Schema) when the name of a table is that of a view; otherwise what the server
    /// reports.
    pub fn diff(&self) -> Result<SchemaDiff> {
        let mut steps = Vec::new();
        for tables in self.pools.iter() {
            steps.extend(tables.diff(&mut *tables.pool.get()?)?);
        }
        Ok(SchemaDiff::new(self.clone(), steps))
    }

    /// Checks that the databases match the structs.
    ///
    /// # Errors
    ///
    /// A [`Schema`](ErrorKind::Schema) error that names every difference; the errors of
    /// [`diff`](Schema::diff).
    pub fn verify(&self) -> Result<()> {
        let diff = self.diff()?;
        if diff.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = diff
            .steps()
            .iter()
            .flat_map(|step| {
                step.reasons()
                    .iter()
                    .map(|why| format!("\n- `{}`: {why}", step.table()))
            })
            .collect();
        let message = format!(
            "{}\n`engine.schema().diff()` tells the statements that mend it",
            lines.concat()
        );
        Err(Error::new(ErrorKind::Schema { message, source: None }))
    }

    /// Everything about a struct that no server could store as it is declared.
    pub(crate) fn problems(table: &'static TableDef, flavour: Flavour) -> Vec<Error> {
        wanted::Table::of(table, flavour).err().unwrap_or_default()
    }

    fn pools(&self) -> impl Iterator<Item = &MysqlPool> {
        self.pools.iter().map(|tables| &tables.pool)
    }

    /// The statements for one pool.
    fn diff_of(&self, pool: &str, connection: &mut Connection) -> Result<Vec<SchemaStep>> {
        match self.pools.iter().find(|tables| tables.pool.name() == pool) {
            Some(tables) => tables.diff(connection),
            None => Ok(Vec::new()),
        }
    }
}

impl PoolTables {
    fn diff(&self, connection: &mut Connection) -> Result<Vec<SchemaStep>> {
        let wanted = self.wanted(connection.server().flavour)?;
        let names: Vec<&str> = self
            .extra
            .iter()
            .map(|(name, _)| name.as_str())
            .chain(wanted.iter().map(|table| table.name))
            .collect();
        let needs_rows = |found: &found::Table| {
            let table = wanted.iter().find(|table| found::same_name(table.name, &found.name));
            table.is_some_and(|table| {
                table.columns.iter().any(|column| found.column(column.name).is_none())
                    || table
                        .indexes
                        .iter()
                        .any(|index| index.unique && found.index(index.name).is_none())
            })
        };
        let found = read::tables(connection, &names, &needs_rows)?;
        for table in found.values() {
            if let Some(kind) = &table.foreign_kind {
                let message = format!("`{}` is not a table but {kind}", table.name);
                return Err(Error::new(ErrorKind::Schema { message, source: None }));
            }
        }
        let pool = self.pool.name();
        let mut steps: Vec<SchemaStep> = self
            .extra
            .iter()
            .filter(|(name, _)| !found.contains_key(name))
            .map(|(name, create)| {
                let why = vec![format!("table `{name}` of headwater itself is missing")];
                SchemaStep::new(pool, name, create.clone(), false, why)
            })
            .collect();
        steps.extend(diff::steps(pool, &wanted, &found));
        Ok(steps)
    }

    fn wanted(&self, flavour: Flavour) -> Result<Vec<wanted::Table>> {
        let (mut tables, mut problems) = (Vec::new(), Vec::new());
        for def in &self.tables {
            match wanted::Table::of(def, flavour) {
                Ok(table) => tables.push(table),
                Err(found) => problems.extend(found),
            }
        }
        match problems.len() {
            0 => Ok(tables),
            1 => Err(problems.remove(0)),
            _ => Err(Error::new(ErrorKind::Several { problems })),
        }
    }
}
