//! The order of a query's rows.

use std::fmt;
use std::marker::PhantomData;

use crate::table::{Column, Table};

/// A column by which rows are ordered: `User::NAME.asc()`.
pub struct Order<E> {
    pub(super) column: usize,
    pub(super) descending: bool,
    of: PhantomData<fn() -> E>,
}

impl<E> Clone for Order<E> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<E> Copy for Order<E> {}

impl<E: Table> fmt::Debug for Order<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}",
            E::TABLE.columns[self.column].name,
            if self.descending { "DESC" } else { "ASC" }
        )
    }
}

impl<E, T> Column<E, T> {
    /// Least first, NULL before all.
    pub fn asc(self) -> Order<E> {
        Order {
            column: self.position(),
            descending: false,
            of: PhantomData,
        }
    }

    /// Greatest first, NULL after all.
    pub fn desc(self) -> Order<E> {
        Order {
            column: self.position(),
            descending: true,
            of: PhantomData,
        }
    }
}
