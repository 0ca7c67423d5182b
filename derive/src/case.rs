//! Names in other letter cases: `rename_all`, the constants of columns and streams, default table names.

use proc_macro2::Span;
use syn::{Error, LitStr, Result};

use crate::errors::known;

/// A letter case that `rename_all` can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Snake,
    Camel,
    Pascal,
    ScreamingSnake,
    Kebab,
    Lower,
    Upper,
}

const CASES: [(&str, Case); 7] = [
    ("snake_case", Case::Snake),
    ("camelCase", Case::Camel),
    ("PascalCase", Case::Pascal),
    ("SCREAMING_SNAKE_CASE", Case::ScreamingSnake),
    ("kebab-case", Case::Kebab),
    ("lowercase", Case::Lower),
    ("UPPERCASE", Case::Upper),
];

impl Case {
    pub(crate) fn parse(literal: &LitStr) -> Result<Case> {
        let wanted = literal.value();
        CASES
            .iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, case)| *case)
            .ok_or_else(|| {
                let names: Vec<&str> = CASES.iter().map(|(name, _)| *name).collect();
                Error::new(literal.span(), known("letter case", &wanted, &names))
            })
    }

    /// The name in this case. A leading underscore is dropped.
    pub(crate) fn apply(self, name: &str) -> String {
        let words = words(name);
        match self {
            Case::Snake => join(&words, "_", |_, word| word.to_lowercase()),
            Case::Kebab => join(&words, "-", |_, word| word.to_lowercase()),
            Case::ScreamingSnake => join(&words, "_", |_, word| word.to_uppercase()),
            Case::Lower => join(&words, "", |_, word| word.to_lowercase()),
            Case::Upper => join(&words, "", |_, word| word.to_uppercase()),
            Case::Pascal => join(&words, "", |_, word| capitalized(word)),
            Case::Camel => join(&words, "", |i, word| match i {
                0 => word.to_lowercase(),
                _ => capitalized(word),
            }),
        }
    }
}

/// The name of a constant for something of this name: `UserStatusStream` → `USER_STATUS_STREAM`.
pub(crate) fn constant(name: &str, span: Span) -> syn::Ident {
    let mut text: String = Case::ScreamingSnake
        .apply(name)
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '_' })
        .collect();
    if !text.starts_with(char::is_alphabetic) {
        text.insert(0, '_');
    }
    if text == "_" {
        text.push('_');
    }
    syn::Ident::new(&text, span)
}

fn join(words: &[String], between: &str, each: impl Fn(usize, &str) -> String) -> String {
    let words: Vec<String> = words.iter().enumerate().map(|(i, word)| each(i, word)).collect();
    words.join(between)
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect(),
        None => String::new(),
    }
}

/// The words of a name: cut at what is neither letter nor digit, before a capital after a small letter or
/// a digit (`userId`), and before the last capital of a run (`HTTPServer`).
fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (i, &c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            words.push(std::mem::take(&mut word));
            continue;
        }
        if c.is_uppercase() && i > 0 {
            let before = chars[i - 1];
            let starts = !before.is_uppercase() || chars.get(i + 1).is_some_and(|next| next.is_lowercase());
            if starts {
                words.push(std::mem::take(&mut word));
            }
        }
        word.push(c);
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_of_a_field_and_a_variant() {
        let all = |name: &str| CASES.map(|(_, case)| case.apply(name));
        let expected = [
            "locked_out",
            "lockedOut",
            "LockedOut",
            "LOCKED_OUT",
            "locked-out",
            "lockedout",
            "LOCKEDOUT",
        ];
        assert_eq!(all("locked_out"), expected);
        assert_eq!(all("LockedOut"), expected);
        assert_eq!(all("lockedOut"), expected);
    }

    #[test]
    fn runs_of_capitals_are_one_word() {
        assert_eq!(Case::Snake.apply("HTTPServer"), "http_server");
        assert_eq!(Case::Snake.apply("DSAllStream"), "ds_all_stream");
        assert_eq!(Case::Snake.apply("User2Stream"), "user2_stream");
        assert_eq!(Case::Snake.apply("_legacy"), "legacy");
        assert_eq!(Case::Snake.apply("äÖ"), "ä_ö");
    }

    #[test]
    fn constants_are_identifiers() {
        let constant = |name| constant(name, Span::call_site()).to_string();
        assert_eq!(constant("UserStatusStream"), "USER_STATUS_STREAM");
        assert_eq!(constant("audit.log-v2"), "AUDIT_LOG_V2");
        assert_eq!(constant("2fast"), "_2FAST");
        assert_eq!(constant("type"), "TYPE");
        assert_eq!(constant("..."), "__");
    }
}
