//! Reading attributes item by item: what both `#[table(…)]` and `#[column(…)]` need.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::{Attribute, Error, Ident, LitStr, Meta, Result, Token};

use crate::case::Case;
use crate::errors::{Errors, known};

/// Reads every item of the attributes called `name`. An item with an error does not keep the others from
/// being read.
pub(crate) fn each_item(
    attributes: &[Attribute],
    name: &str,
    errors: &mut Errors,
    mut item: impl FnMut(&ParseNestedMeta<'_>, &mut Errors) -> Result<()>,
) {
    for attribute in attributes.iter().filter(|a| a.path().is_ident(name)) {
        let Meta::List(_) = &attribute.meta else {
            errors.under(
                &attribute.meta,
                format!("write the attributes in parentheses: `#[{name}(…)]`"),
            );
            continue;
        };
        let read = attribute.parse_nested_meta(|meta| {
            if let Err(error) = item(&meta, errors) {
                errors.push(error);
                skip_item(meta.input);
            }
            Ok(())
        });
        if let Err(error) = read {
            errors.push(error);
        }
    }
}

/// Errors for attributes that stand where they mean nothing; the compiler takes them anywhere in the struct.
pub(crate) fn misplaced(attributes: &[Attribute], name: &str, place: &str, errors: &mut Errors) {
    for attribute in attributes.iter().filter(|a| a.path().is_ident(name)) {
        errors.under(attribute, format!("`#[{name}(…)]` belongs to {place}"));
    }
}

/// Moves on to the comma behind the item.
fn skip_item(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.parse::<proc_macro2::TokenTree>().is_err() {
            return;
        }
    }
}

/// The word that an item starts with.
pub(crate) fn word(meta: &ParseNestedMeta<'_>) -> Result<Ident> {
    match meta.path.get_ident() {
        Some(ident) => Ok(ident.clone()),
        None => Err(Error::new_spanned(&meta.path, "expected one word, not a path")),
    }
}

/// The error for a word that is not among those known of `#[attribute(…)]`.
pub(crate) fn unknown(attribute: &str, word: &Ident, names: &[&str], other: &str, others: &[&str]) -> Error {
    let text = word.to_string();
    if others.contains(&text.as_str()) {
        let place = if other == "table" { "the struct" } else { "a field" };
        return Error::new(
            word.span(),
            format!("`{text}` belongs to {place}: write it in `#[{other}(…)]` there"),
        );
    }
    Error::new(word.span(), known(&format!("{attribute} attribute"), &text, names))
}

/// Sees to it that a word without a value really has none.
pub(crate) fn flag(meta: &ParseNestedMeta<'_>, word: &Ident) -> Result<Span> {
    if meta.input.peek(Token![=]) || meta.input.peek(syn::token::Paren) {
        return Err(Error::new(
            word.span(),
            format!("`{word}` takes no value: write it alone"),
        ));
    }
    Ok(word.span())
}

/// Keeps the value of an item, unless there already is one.
pub(crate) fn once<T>(slot: &mut Option<T>, word: &Ident, value: T) -> Result<()> {
    if slot.is_some() {
        return Err(Error::new(word.span(), format!("`{word}` is given twice")));
    }
    *slot = Some(value);
    Ok(())
}

/// Reads what stands in parentheses behind a word; `how` says what belongs there.
pub(crate) fn in_parentheses<T>(
    meta: &ParseNestedMeta<'_>,
    at: Span,
    how: &str,
    read: impl FnOnce(ParseStream<'_>) -> Result<T>,
) -> Result<T> {
    if !meta.input.peek(syn::token::Paren) {
        return Err(Error::new(at, how));
    }
    let content;
    syn::parenthesized!(content in meta.input);
    if content.is_empty() {
        return Err(Error::new(at, how));
    }
    let result = read(&content);
    if result.is_err() {
        // What is left unread would become an error of its own.
        content.parse::<proc_macro2::TokenStream>()?;
    }
    result
}

/// Reads `word = "text"` with one of these words.
pub(crate) fn assignment(input: ParseStream<'_>, words: &[&str], what: &str) -> Result<(Ident, LitStr)> {
    let word = input.call(Ident::parse_any)?;
    if !words.contains(&word.to_string().as_str()) {
        return Err(Error::new(word.span(), known(what, &word.to_string(), words)));
    }
    input.parse::<Token![=]>()?;
    if !input.peek(LitStr) {
        return Err(input.error("expected a text in double quotes"));
    }
    Ok((word, input.parse()?))
}

/// The text behind `word =`.
pub(crate) fn text(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    let value = meta.value()?;
    if !value.peek(LitStr) {
        return Err(value.error("expected a text in double quotes"));
    }
    value.parse()
}

/// The text behind `word =`, which must not be empty.
pub(crate) fn pool(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    let name = text(meta)?;
    if name.value().trim().is_empty() {
        return Err(Error::new(name.span(), "the name of a pool cannot be empty"));
    }
    Ok(name)
}

/// The name behind `word =`, checked as one of the database.
pub(crate) fn database_name(meta: &ParseNestedMeta<'_>, what: &str) -> Result<LitStr> {
    let name = text(meta)?;
    match bad_name(&name.value(), what) {
        Some(problem) => Err(Error::new(name.span(), problem)),
        None => Ok(name),
    }
}

/// The letter case behind `rename_all =`.
pub(crate) fn letter_case(meta: &ParseNestedMeta<'_>) -> Result<Case> {
    Case::parse(&text(meta)?)
}

/// What keeps a name from being one of the database.
/// <https://dev.mysql.com/doc/refman/8.4/en/identifiers.html>
pub(crate) fn bad_name(name: &str, what: &str) -> Option<String> {
    let length = name.chars().count();
    if name.is_empty() {
        Some(format!("the name of {what} cannot be empty"))
    } else if length > 64 {
        Some(format!(
            "the name of {what} has at most 64 characters, this one has {length}"
        ))
    } else if name.ends_with(' ') {
        Some(format!("the name of {what} cannot end with a space"))
    } else if name.chars().any(|c| c == '\0' || c > '\u{ffff}') {
        Some(format!(
            "the name of {what} cannot hold a NUL or a character beyond U+FFFF"
        ))
    } else {
        None
    }
}
