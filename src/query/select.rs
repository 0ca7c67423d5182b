//! The texts of SELECT statements.

use std::fmt::Write;

use super::condition::Condition;
use super::order::Order;
use crate::mysql::Params;
use crate::table::{Table, TableDef, Value};

/// Which rows of a soft-delete table a query sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Scope {
    /// Those that are not deleted.
    #[default]
    Live,
    /// All.
    WithTrashed,
    /// Those that are deleted.
    OnlyTrashed,
}

/// What a query asks for.
pub(crate) struct Select<E> {
    pub(crate) filter: Option<Condition<E>>,
    pub(crate) order: Vec<Order<E>>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<u64>,
    pub(crate) scope: Scope,
    /// Orders by the key after all else.
    pub(crate) by_key: bool,
    /// Locks the rows until the end of the transaction.
    pub(crate) lock: Option<Lock>,
}

/// How rows are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Nobody else may read them with a lock, or write them.
    Update,
    /// Nobody else may write them.
    Share,
}

impl<E> Default for Select<E> {
    fn default() -> Self {
        Select {
            filter: None,
            order: Vec::new(),
            limit: None,
            offset: None,
            scope: Scope::Live,
            by_key: false,
            lock: None,
        }
    }
}

impl<E: Table> Select<E> {
    /// The key of the row, if all that is asked for is the row with a key: the statement is that of
    /// [`by_keys`] for one key.
    pub(crate) fn only_key(&self) -> Option<&Value> {
        let is_plain = self.order.is_empty()
            && !self.by_key
            && self.limit.is_none()
            && self.offset.is_none()
            && self.lock.is_none()
            && (E::TABLE.deleted_at.is_none() || self.scope == Scope::WithTrashed);
        self.filter.as_ref().filter(|_| is_plain)?.only_key()
    }

    /// The rows.
    pub(crate) fn rows(&self) -> (String, Params) {
        let mut sql = String::with_capacity(96 + E::TABLE.list.len());
        sql.push_str("SELECT ");
        sql.push_str(E::TABLE.list);
        let mut params = match self.filter {
            Some(_) => Params::with_capacity(4),
            None => Params::new(),
        };
        self.source(&mut sql, &mut params);
        let key = (E::TABLE.id, false);
        let order = self
            .order
            .iter()
            .map(|order| (order.column, order.descending))
            .chain(self.by_key.then_some(key));
        for (i, (column, descending)) in order.enumerate() {
            let name = E::TABLE.columns[column].quoted;
            let way = if descending { " DESC" } else { "" };
            // Writing to a String cannot fail.
            let _ = write!(sql, "{}{name}{way}", if i == 0 { " ORDER BY " } else { "," });
        }
        if self.limit.is_some() || self.offset.is_some() {
            // MySQL has no OFFSET without LIMIT; its manual names this number for all rows.
            let _ = write!(sql, " LIMIT {}", self.limit.unwrap_or(u64::MAX));
        }
        if let Some(offset) = self.offset {
            let _ = write!(sql, " OFFSET {offset}");
        }
        match self.lock {
            Some(Lock::Update) => sql.push_str(" FOR UPDATE"),
            // The form that both servers know.
            Some(Lock::Share) => sql.push_str(" LOCK IN SHARE MODE"),
            None => {}
        }
        (sql, params)
    }

    /// How many rows there are; limit and offset count as well.
    pub(crate) fn count(&self) -> (String, Params) {
        let mut params = Params::new();
        if self.limit.is_none() && self.offset.is_none() {
            let mut sql = String::from("SELECT COUNT(*)");
            self.source(&mut sql, &mut params);
            return (sql, params);
        }
        let mut sql = String::from("SELECT COUNT(*) FROM (SELECT 1");
        self.source(&mut sql, &mut params);
        let _ = write!(
            sql,
            " LIMIT {} OFFSET {}) q",
            self.limit.unwrap_or(u64::MAX),
            self.offset.unwrap_or(0)
        );
        (sql, params)
    }

    fn source(&self, sql: &mut String, params: &mut Params) {
        sql.push_str(" FROM ");
        sql.push_str(E::TABLE.quoted);
        self.filter_into(sql, params);
    }

    /// The WHERE of a statement that reads or writes these rows.
    pub(crate) fn filter_into(&self, sql: &mut String, params: &mut Params) {
        let mut between = " WHERE ";
        if let Some(filter) = &self.filter {
            sql.push_str(between);
            filter.write(sql, params);
            between = " AND ";
        }
        if let Some(column) = E::TABLE.deleted_at {
            let name = E::TABLE.columns[column].quoted;
            let _ = match self.scope {
                Scope::Live => write!(sql, "{between}{name} IS NULL"),
                Scope::OnlyTrashed => write!(sql, "{between}{name} IS NOT NULL"),
                Scope::WithTrashed => Ok(()),
            };
        }
    }
}

/// The rows with these keys, as many placeholders as said; all of them, deleted ones too.
pub(crate) fn by_keys(def: &'static TableDef, keys: usize) -> String {
    let mut sql = String::with_capacity(96 + def.list.len() + keys * 2);
    sql.push_str("SELECT ");
    sql.push_str(def.list);
    sql.push_str(" FROM ");
    sql.push_str(def.quoted);
    sql.push_str(" WHERE ");
    sql.push_str(def.key().quoted);
    if keys == 1 {
        sql.push_str("=?");
        return sql;
    }
    sql.push_str(" IN (?");
    for _ in 1..keys {
        sql.push_str(",?");
    }
    sql.push(')');
    sql
}
