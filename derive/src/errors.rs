//! Compile errors: collected so that all are shown at once, with a hint where a word looks misspelt.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::Error;

/// The errors of one derive.
#[derive(Default)]
pub(crate) struct Errors {
    all: Option<Error>,
    fatal: bool,
}

impl Errors {
    /// Adds an error that is shown at this place.
    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.push(Error::new(span, message));
    }

    /// Adds an error that is shown under all of these tokens.
    pub(crate) fn under(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.push(Error::new_spanned(tokens, message));
    }

    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.all {
            Some(all) => all.combine(error),
            None => self.all = Some(error),
        }
    }

    /// Keeps what was understood from being expanded: it would only lead to errors beside the point.
    pub(crate) fn fatal(&mut self) {
        self.fatal = true;
    }

    /// Whether the rest may be expanded beside the errors, so that the user's other code finds it.
    pub(crate) fn may_expand(&self) -> bool {
        !self.fatal
    }

    pub(crate) fn into_tokens(self) -> TokenStream {
        self.all.map(Error::into_compile_error).unwrap_or_default()
    }
}

/// The text for a word that is not among the known ones, with the nearest of them.
pub(crate) fn known(what: &str, word: &str, known: &[&str]) -> String {
    let list: Vec<String> = known.iter().map(|k| format!("`{k}`")).collect();
    let list = list.join(", ");
    match nearest(word, known) {
        Some(nearest) if known.len() == 1 => format!("unknown {what} `{word}`: did you mean `{nearest}`?"),
        Some(nearest) => format!("unknown {what} `{word}`: did you mean `{nearest}`? Known are {list}"),
        None if known.len() == 1 => format!("unknown {what} `{word}`: only {list} is known"),
        None => format!("unknown {what} `{word}`: known are {list}"),
    }
}

/// The known word that was probably meant.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .iter()
        .map(|&k| (distance(&word, &k.to_lowercase()), k))
        .filter(|(distance, k)| *distance * 3 <= k.chars().count().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

/// How many letters must be added, taken away, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_the_one_that_was_meant() {
        let words = ["unique", "length", "triggers", "id", "set"];
        assert_eq!(nearest("uniqe", &words), Some("unique"));
        assert_eq!(nearest("lenght", &words), Some("length"));
        assert_eq!(nearest("trigger", &words), Some("triggers"));
        assert_eq!(nearest("ID", &words), Some("id"));
        assert_eq!(nearest("colour", &words), None);
    }
}
