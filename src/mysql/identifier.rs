//! Names in SQL text, always quoted.

use std::fmt;

/// A name that displays itself in backticks, with backticks inside doubled
/// (<https://dev.mysql.com/doc/refman/8.4/en/identifiers.html>).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identifier<'a>(pub(crate) &'a str);

impl fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.contains('`') {
            return write!(f, "`{}`", self.0);
        }
        write!(f, "`{}`", self.0.replace('`', "``"))
    }
}

/// A text literal for the few places of DDL where nothing can be bound: enum values and defaults.
///
/// Quotes are doubled; a backslash is doubled as well because the sessions of this crate never run with
/// NO_BACKSLASH_ESCAPES (the pool sets `sql_mode`).
pub(crate) fn quoted_text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_quotes() {
        assert_eq!(Identifier("users").to_string(), "`users`");
        assert_eq!(Identifier("a`; DROP TABLE b").to_string(), "`a``; DROP TABLE b`");
        assert_eq!(quoted_text("it's\\"), "'it''s\\\\'");
    }
}
