//! Compares the columns of one table with those of its struct.

use super::change::{Change, Risk, Stage};
use super::default::{self, Default};
use super::found;
use super::kind::{self, Kind};
use super::render;
use super::wanted::{Column, Fill, Table};
use crate::mysql::{Identifier, quoted_text};

/// What is different about the columns of a table.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) changes: Vec<Change>,
    /// Columns that are defined anew: MySQL does not do it while foreign keys use them.
    pub(super) modified: Vec<(&'static str, Risk)>,
    /// Columns that are not as wanted before the destructive changes: nothing can rest on them earlier.
    pub(super) pending: Vec<&'static str>,
}

/// `primary`: the risk of changing the primary key, if it has to be changed.
pub(super) fn compare(wanted: &Table, found: &found::Table, primary: Option<Risk>) -> Columns {
    let mut columns = Columns::default();
    for column in found.columns.iter().filter(|c| !is_wanted(wanted, c)) {
        columns.extra(column);
    }
    for (position, column) in wanted.columns.iter().enumerate() {
        let floor = primary.filter(|_| position == wanted.key).unwrap_or(Risk::Safe);
        match found.column(column.name) {
            Some(existing) => columns.existing(column, existing, found, floor),
            None => columns.missing(column, wanted, found, floor),
        }
    }
    columns
}

fn is_wanted(wanted: &Table, column: &found::Column) -> bool {
    wanted.columns.iter().any(|w| found::same_name(w.name, &column.name))
}

impl Columns {
    fn missing(&mut self, column: &Column, wanted: &Table, table: &found::Table, floor: Risk) {
        let mut why = format!("column `{}` is missing", column.name);
        let has_default = column.default.sql.is_some();
        let mut fill = None;
        let mut risk = floor;
        if table.has_rows && !column.nullable && !has_default && !column.auto_increment {
            match column.fill {
                Fill::Empty(value) => why.push_str(&format!("; the rows of the table get {value}")),
                Fill::Now => {
                    why.push_str("; the rows of the table get the time of this statement");
                    fill = Some(now_of(&column.kind));
                }
                Fill::Constant(value) => {
                    risk = Risk::Destructive;
                    why.push_str(&format!(
                        ": the rows of the table would get {value}; an Option or a default avoids that"
                    ));
                    fill = Some(value.to_owned());
                }
                Fill::Dangling => {
                    risk = Risk::Destructive;
                    why.push_str(": the rows of the table would refer to no row; an Option avoids that");
                }
            }
        }
        let all_alike = table.has_rows && !column.auto_increment && (!column.nullable || has_default);
        if all_alike && is_unique(wanted, column) {
            risk = Risk::Destructive;
            why.push_str("; all rows of the table would get the same value, but it must be unique");
        }
        if risk == Risk::Destructive {
            self.pending.push(column.name);
        }
        let definition = render::new_column(column, Some(table), fill.as_deref());
        self.changes
            .push(Change::alter(risk, format!("ADD COLUMN {definition}"), why));
        if fill.is_some() {
            let clause = format!("ALTER COLUMN {} DROP DEFAULT", Identifier(column.name));
            let why = format!(
                "column `{}`: its default was for rows that were there before it",
                column.name
            );
            self.changes.push(Change::alter(risk, clause, why).at(Stage::Tidy));
        }
    }

    fn existing(&mut self, column: &Column, found: &found::Column, table: &found::Table, floor: Risk) {
        let mut differences = Differences::of(column, found);
        if floor == Risk::Destructive {
            differences.whole = true;
        }
        let name = Identifier(column.name);
        let about = |reasons: &[String]| format!("column {name}: {}", reasons.join("; "));
        let modify = |kind: &Kind, nullable: bool| {
            let definition = render::changed_column(column, kind, nullable, found, table);
            format!("MODIFY COLUMN {definition}")
        };
        let Differences {
            mut safe,
            mut risky,
            default,
            first,
            whole,
            ..
        } = differences;
        if whole && !(safe.is_empty() && risky.is_empty() && default.is_none()) {
            risky.append(&mut safe);
            risky.extend(default);
            self.pending.push(column.name);
            self.modified.push((column.name, Risk::Destructive));
            let clause = modify(&column.kind, column.nullable);
            self.changes
                .push(Change::alter(Risk::Destructive, clause, about(&risky)));
            return;
        }
        match (safe.is_empty(), default) {
            (true, None) => {}
            (true, Some(reason)) if !column.kind.is_large() && column.default.compared != Default::Now => {
                let clause = match &column.default.sql {
                    Some(sql) => format!("ALTER COLUMN {name} SET DEFAULT {sql}"),
                    None if found.nullable => format!("ALTER COLUMN {name} SET DEFAULT NULL"),
                    None => format!("ALTER COLUMN {name} DROP DEFAULT"),
                };
                self.changes.push(Change::alter(Risk::Safe, clause, about(&[reason])));
            }
            (_, default) => {
                safe.extend(default);
                self.modified.push((column.name, Risk::Safe));
                let clause = modify(
                    first.as_ref().unwrap_or(&column.kind),
                    column.nullable || found.nullable,
                );
                self.changes.push(Change::alter(Risk::Safe, clause, about(&safe)));
            }
        }
        if !risky.is_empty() {
            self.modified.push((column.name, Risk::Destructive));
            let clause = modify(&column.kind, column.nullable);
            self.changes
                .push(Change::alter(Risk::Destructive, clause, about(&risky)));
        }
    }

    /// A column that the struct does not have. It stays until `apply_all`, but it must not stand in the way of
    /// an INSERT that does not name it.
    fn extra(&mut self, found: &found::Column) {
        let name = Identifier(&found.name);
        let blocks = !found.nullable && found.default == Default::None && !found.auto_increment && !found.generated;
        if let (true, Some(clause)) = (blocks, default_for_inserts(found)) {
            let why = format!("column {name} is not in the struct; without a default no row could be inserted");
            self.changes.push(Change::alter(Risk::Safe, clause, why));
        }
        let why = format!("column {name} is not in the struct; its values are lost");
        let clause = format!("DROP COLUMN {name}");
        self.changes.push(Change::alter(Risk::Destructive, clause, why));
    }
}

/// How a column differs from the wanted one.
#[derive(Debug, Default)]
struct Differences {
    safe: Vec<String>,
    risky: Vec<String>,
    default: Option<String>,
    /// The type that comes between both.
    first: Option<Kind>,
    /// Nothing can be changed before the risky part.
    whole: bool,
}

impl Differences {
    fn of(column: &Column, found: &found::Column) -> Self {
        let mut this = Differences::default();
        let becomes = format!("{} becomes {}", found.kind, column.kind);
        match kind::change(&found.kind, &column.kind) {
            kind::Change::None => {}
            kind::Change::Safe => {
                this.safe.push(becomes);
            }
            kind::Change::Destructive { why, first } => {
                this.risky.push(format!("{becomes}: {why}"));
                match &first {
                    Some(first) => this
                        .safe
                        .push(format!("{} becomes {first} for the time being", found.kind)),
                    None => this.whole = true,
                }
                this.first = first;
            }
        }
        if found.generated {
            this.whole = true;
            this.risky
                .push("its value is computed and cannot be written; what is computed stays as it is".to_owned());
        }
        if found.on_update {
            this.safe
                .push("ON UPDATE goes: the struct's own value is stored".to_owned());
        }
        this.compare_charset(column, found);
        match (found.nullable, column.nullable) {
            (false, true) => this.safe.push("NULL is allowed".to_owned()),
            (true, false) => this
                .risky
                .push("NULL is not allowed any more: rows that have it do not fit".to_owned()),
            _ => {}
        }
        match (found.auto_increment, column.auto_increment) {
            (false, true) => this.safe.push("AUTO_INCREMENT is missing".to_owned()),
            (true, false) => this.safe.push("AUTO_INCREMENT goes".to_owned()),
            _ => {}
        }
        if !column.auto_increment && found.default != column.default.compared {
            this.default = Some(match &column.default.sql {
                Some(sql) => format!("the default becomes {sql}"),
                None => "the default goes".to_owned(),
            });
        }
        this
    }

    fn compare_charset(&mut self, column: &Column, found: &found::Column) {
        if !column.kind.is_text() || !found.kind.is_text() {
            return;
        }
        let (charset, collation) = (found.charset.as_deref(), found.collation.as_deref());
        if !render::is_utf8mb4(found) {
            self.safe.push(format!(
                "the charset {} becomes utf8mb4",
                charset.unwrap_or("of the server")
            ));
        } else if column.binary && !render::is_binary(found) {
            let collation = collation.unwrap_or("of the server");
            self.safe.push(format!(
                "the collation {collation} becomes utf8mb4_bin, because keys are told apart by their bytes"
            ));
        }
    }
}

/// Whether two rows cannot have the same value in this column alone.
fn is_unique(table: &Table, column: &Column) -> bool {
    table.key().name == column.name
        || table
            .indexes
            .iter()
            .any(|index| index.unique && index.columns == [column.name])
}

fn now_of(kind: &Kind) -> String {
    match kind {
        Kind::DateTime(digits) => default::now(*digits),
        _ => default::now(0),
    }
}

/// The clause that gives a column that no struct fills a default.
fn default_for_inserts(found: &found::Column) -> Option<String> {
    let name = Identifier(&found.name);
    let value = match &found.kind {
        Kind::Enum(names) => match names.first() {
            // A name that the server cannot show in full cannot be written again.
            Some(first) if !first.contains('?') => quoted_text(first),
            _ => return None,
        },
        Kind::Date => "'1970-01-01'".to_owned(),
        Kind::DateTime(_) => "'1970-01-01 00:00:00'".to_owned(),
        Kind::Time(_) => "'00:00:00'".to_owned(),
        Kind::Timestamp(_) | Kind::Json | Kind::Other(_) => return None,
        kind if kind.is_text() || kind.most_bytes().is_some() => "''".to_owned(),
        _ => "0".to_owned(),
    };
    if !found.kind.is_large() {
        return Some(format!("ALTER COLUMN {name} SET DEFAULT {value}"));
    }
    // MySQL takes a default for these as an expression only, and not with SET DEFAULT.
    let collation = found
        .collation
        .as_deref()
        .map(|name| format!(" COLLATE {name}"))
        .unwrap_or_default();
    let comment = match found.comment.as_str() {
        "" => String::new(),
        comment => format!(" COMMENT {}", quoted_text(comment)),
    };
    Some(format!(
        "MODIFY COLUMN {name} {}{collation} NOT NULL DEFAULT ({value}){comment}",
        found.kind
    ))
}
