//! Text literals as the servers print them in `information_schema`, read back.

/// Reads one quoted literal from the start of the text; what stands behind it comes second.
///
/// Quotes inside are doubled or have a backslash before them; MariaDB prints both forms.
pub(super) fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('\'')?.chars();
    let mut value = String::new();
    loop {
        match rest.next()? {
            '\'' => match rest.as_str().strip_prefix('\'') {
                Some(after) => {
                    value.push('\'');
                    rest = after.chars();
                }
                None => return Some((value, rest.as_str())),
            },
            '\\' => value.push(escaped(rest.next()?)),
            other => value.push(other),
        }
    }
}

/// The literals between parentheses: `('a','b')`.
pub(super) fn list(text: &str) -> Option<Vec<String>> {
    let mut rest = text.strip_prefix('(')?;
    let mut values = Vec::new();
    loop {
        let (value, after) = quoted(rest)?;
        values.push(value);
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None => return after.starts_with(')').then_some(values),
        }
    }
}

/// <https://dev.mysql.com/doc/refman/8.4/en/string-literals.html#character-escape-sequences>
fn escaped(letter: char) -> char {
    match letter {
        '0' => '\0',
        'b' => '\u{8}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'Z' => '\u{1a}',
        other => other,
    }
}

/// The text as `information_schema` shows it: its columns are of three-byte UTF-8 on both servers, so that
/// `?` stands for every character beyond U+FFFF.
pub(super) fn as_shown(text: &str) -> String {
    text.chars().map(|c| if c > '\u{ffff}' { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_as_both_servers_print_them() {
        assert_eq!(quoted(r"'it''s' x"), Some(("it's".to_owned(), " x")));
        assert_eq!(quoted(r"'it\'s \\ \n'"), Some(("it's \\ \n".to_owned(), "")));
        assert_eq!(quoted("''"), Some((String::new(), "")));
        for broken in ["", "abc", "'abc", "'abc\\"] {
            assert_eq!(quoted(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_list_may_hold_quotes_commas_and_parentheses() {
        let expected = ["a", "it's", "co,mma", "b\\s", ")"].map(str::to_owned).to_vec();
        assert_eq!(list(r"('a','it''s','co,mma','b\\s',')')"), Some(expected));
        for broken in ["()", "('a'", "('a',)", "'a'", "('a' 'b')"] {
            assert_eq!(list(broken), None, "{broken}");
        }
    }

    #[test]
    fn what_the_server_cannot_show_is_a_question_mark() {
        assert_eq!(as_shown("aü€😀"), "aü€?");
    }
}
