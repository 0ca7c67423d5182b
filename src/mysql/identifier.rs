//! Names in SQL text, always quoted.

use std::fmt;

/// A name that displays itself in backticks, with backticks inside doubled
/// (<https://dev.mysql.com/doc/refman/8.4/en/identifiers.html>).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identifier<'a>(pub(crate) &'a str);

impl Identifier<'_> {
    /// Adds what it displays.
    pub(crate) fn push_to(self, sql: &mut String) {
        sql.push('`');
        if !self.0.as_bytes().contains(&b'`') {
            sql.push_str(self.0);
            sql.push('`');
            return;
        }
        for (i, part) in self.0.split('`').enumerate() {
            if i > 0 {
                sql.push_str("``");
            }
            sql.push_str(part);
        }
        sql.push('`');
    }
}

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
        for name in ["users", "a`; DROP TABLE b", "`", ""] {
            let mut sql = String::new();
            Identifier(name).push_to(&mut sql);
            assert_eq!(sql, Identifier(name).to_string());
        }
        assert_eq!(quoted_text("it's\\"), "'it''s\\\\'");
    }
}
