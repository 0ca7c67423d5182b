//! What the derives write must be silent under the strictest lints of its user.
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

use headwater::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
enum Hidden {
    A,
}

/// A public struct with a private field of a private type.
#[derive(Debug, Clone, Table)]
#[table(soft_delete, dirty_stream = "strict//ID")]
pub struct Strict {
    /// The key.
    #[column(id)]
    pub id: i64,
    #[column(set, dirty_stream = "strict")]
    hidden: Option<Vec<Hidden>>,
    #[column(deleted_at)]
    pub(crate) deleted: Option<chrono::NaiveDateTime>,
}

#[test]
fn nothing_is_reported() {
    let strict = Strict {
        id: 1,
        hidden: Some(vec![Hidden::A]),
        deleted: None,
    };
    assert!(strict.diff(&strict.clone()).is_empty());
}
