//! `#[column(…)]`: what may stand on a field, and what may not stand beside what.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::{Attribute, Error, Ident, Lit, LitInt, LitStr, Path, Result, Token};

use crate::attributes::{assignment, database_name, each_item, flag, in_parentheses, once, text, unknown, word};
use crate::errors::{Errors, known};
use crate::table_attributes::TABLE_WORDS;

pub(crate) const COLUMN_WORDS: [&str; 17] = [
    "id",
    "name",
    "length",
    "precision",
    "unique",
    "index",
    "default",
    "references",
    "version",
    "created_at",
    "updated_at",
    "deleted_at",
    "triggers",
    "dirty_stream",
    "json",
    "set",
    "skip",
];

/// What the attributes of one field say.
#[derive(Default)]
pub(crate) struct ColumnAttributes {
    pub(crate) id: Option<Span>,
    pub(crate) name: Option<LitStr>,
    /// Length and the span of the item.
    pub(crate) length: Option<(u32, Span)>,
    /// Digits, digits after the point, span.
    pub(crate) precision: Option<(u8, Option<u8>, Span)>,
    pub(crate) unique: Option<OwnIndex>,
    pub(crate) index: Option<OwnIndex>,
    /// The `DefaultValue` and its span.
    pub(crate) default: Option<(TokenStream, Span)>,
    pub(crate) references: Option<References>,
    pub(crate) version: Option<Span>,
    pub(crate) created_at: Option<Span>,
    pub(crate) updated_at: Option<Span>,
    pub(crate) deleted_at: Option<Span>,
    pub(crate) triggers: Vec<Path>,
    pub(crate) tag: Option<LitStr>,
    pub(crate) json: Option<Span>,
    pub(crate) set: Option<Span>,
    pub(crate) skip: Option<Span>,
    /// Every word in the order in which they stand there.
    words: Vec<Ident>,
}

/// An index of this column alone.
pub(crate) struct OwnIndex {
    pub(crate) at: Span,
    pub(crate) name: Option<LitStr>,
}

pub(crate) struct References {
    pub(crate) at: Span,
    /// The variant of `OnDelete`.
    pub(crate) on_delete: &'static str,
    /// Where `set_null` was asked for.
    pub(crate) set_null: Option<Span>,
}

impl ColumnAttributes {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut column = ColumnAttributes::default();
        each_item(attributes, "column", errors, |meta, _| column.item(meta));
        column.check(errors);
        column
    }

    fn item(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let word = word(meta)?;
        let at = word.span();
        match word.to_string().as_str() {
            "id" => once(&mut self.id, &word, flag(meta, &word)?)?,
            "name" => once(&mut self.name, &word, database_name(meta, "a column")?)?,
            "length" => once(&mut self.length, &word, (length(meta)?, at))?,
            "precision" => once(&mut self.precision, &word, precision(meta, at)?)?,
            "unique" => once(&mut self.unique, &word, own_index(meta, at)?)?,
            "index" => once(&mut self.index, &word, own_index(meta, at)?)?,
            "default" => once(&mut self.default, &word, default(meta)?)?,
            "references" => once(&mut self.references, &word, references(meta, at)?)?,
            "version" => once(&mut self.version, &word, flag(meta, &word)?)?,
            "created_at" => once(&mut self.created_at, &word, flag(meta, &word)?)?,
            "updated_at" => once(&mut self.updated_at, &word, flag(meta, &word)?)?,
            "deleted_at" => once(&mut self.deleted_at, &word, flag(meta, &word)?)?,
            "triggers" => self.read_triggers(meta, at)?,
            "dirty_stream" => once(&mut self.tag, &word, text(meta)?)?,
            "json" => once(&mut self.json, &word, flag(meta, &word)?)?,
            "set" => once(&mut self.set, &word, flag(meta, &word)?)?,
            "skip" => once(&mut self.skip, &word, flag(meta, &word)?)?,
            _ => return Err(unknown("column", &word, &COLUMN_WORDS, "table", &TABLE_WORDS)),
        }
        self.words.push(word);
        Ok(())
    }

    fn read_triggers(&mut self, meta: &ParseNestedMeta<'_>, at: Span) -> Result<()> {
        const HOW: &str = "name the streams' constants: `triggers(USERS)` or `triggers(USERS, AUDIT)`";
        let paths = in_parentheses(meta, at, HOW, |content| {
            if content.peek(LitStr) {
                return Err(content.error(HOW));
            }
            content.parse_terminated(Path::parse_mod_style, Token![,])
        })?;
        self.triggers.extend(paths);
        Ok(())
    }

    /// Errors for words that cannot stand on one field, at the later of the two.
    fn check(&self, errors: &mut Errors) {
        for (i, later) in self.words.iter().enumerate() {
            let clash = self.words[..i].iter().find_map(|earlier| {
                let (a, b) = (earlier.to_string(), later.to_string());
                contradiction(&a, &b).map(|why| (a, why))
            });
            if let Some((earlier, why)) = clash {
                errors.at(
                    later.span(),
                    format!("`{later}` cannot stand beside `{earlier}`: {why}"),
                );
            }
        }
    }
}

/// Why the two words cannot stand on one field.
fn contradiction(a: &str, b: &str) -> Option<&'static str> {
    const MANAGED: [&str; 4] = ["version", "created_at", "updated_at", "deleted_at"];
    let both = |one: &[&str], other: &[&str]| {
        a != b && (one.contains(&a) && other.contains(&b) || one.contains(&b) && other.contains(&a))
    };
    if a != b && (a == "skip" || b == "skip") {
        return Some("a skipped field is not stored");
    }
    if both(&["id"], &["unique", "index"]) {
        return Some("the key is the primary key and needs no other index");
    }
    if both(&["id"], &["default"]) {
        return Some("the key of a new row is generated");
    }
    if both(&["id"], &["json", "set", "references"]) {
        return Some("a key is an integer, a `String` or a `Uuid`");
    }
    if both(&["id"], &MANAGED) {
        return Some("the key of a row never changes");
    }
    if both(&["id"], &["triggers", "dirty_stream"]) {
        return Some("the key of a row never changes, so it never triggers");
    }
    if both(&MANAGED, &MANAGED) {
        return Some("a column has one of these tasks");
    }
    if both(&MANAGED, &["triggers", "dirty_stream"]) {
        return Some("events never show this column, so it never triggers");
    }
    if both(&MANAGED, &["json", "set", "references"]) {
        return Some("the version is an integer, the others are datetimes");
    }
    if both(&["json"], &["set", "references"]) || both(&["set"], &["references"]) {
        return Some("a column is stored in one way");
    }
    if both(&["json", "set"], &["length", "precision"]) {
        return Some("JSON and SET columns have neither length nor precision");
    }
    if both(&["json"], &["unique", "index"]) {
        return Some("a JSON column cannot be indexed");
    }
    if both(&["json"], &["default"]) {
        return Some("a JSON column cannot have a default");
    }
    if both(&["unique"], &["index"]) {
        return Some("a unique column has an index already");
    }
    if both(&["length"], &["precision"]) {
        return Some("text and bytes have a length, decimals and times a precision");
    }
    None
}

fn length(meta: &ParseNestedMeta<'_>) -> Result<u32> {
    const HOW: &str = "`length` is a whole number from 1 to 4294967295, or `max`";
    let value = meta.value()?;
    if value.peek(LitInt) {
        let number: LitInt = value.parse()?;
        return match number.base10_parse::<u32>() {
            Ok(length) if length > 0 => Ok(length),
            _ => Err(Error::new(number.span(), HOW)),
        };
    }
    if value.peek(Ident) {
        let word: Ident = value.parse()?;
        if word == "max" {
            return Ok(u32::MAX);
        }
        return Err(Error::new(word.span(), HOW));
    }
    Err(value.error(HOW))
}

fn precision(meta: &ParseNestedMeta<'_>, at: Span) -> Result<(u8, Option<u8>, Span)> {
    const HOW: &str = "write `precision = 3` for the second's fraction of a time, `precision(10, 2)` for a decimal";
    let digits = |number: LitInt| number.base10_parse::<u8>().map_err(|_| Error::new(number.span(), HOW));
    if meta.input.peek(Token![=]) {
        let value = meta.value()?;
        if !value.peek(LitInt) {
            return Err(value.error(HOW));
        }
        return Ok((digits(value.parse()?)?, None, at));
    }
    let number = |input: ParseStream<'_>| match input.peek(LitInt) {
        true => input.parse::<LitInt>(),
        false => Err(input.error(HOW)),
    };
    let numbers = in_parentheses(meta, at, HOW, |content| content.parse_terminated(number, Token![,]))?;
    let numbers: Vec<LitInt> = numbers.into_iter().collect();
    match <[LitInt; 2]>::try_from(numbers) {
        Ok([precision, scale]) => Ok((digits(precision)?, Some(digits(scale)?), at)),
        Err(_) => Err(Error::new(at, HOW)),
    }
}

fn own_index(meta: &ParseNestedMeta<'_>, at: Span) -> Result<OwnIndex> {
    let name = match meta.input.peek(Token![=]) {
        true => Some(database_name(meta, "an index")?),
        false => None,
    };
    Ok(OwnIndex { at, name })
}

fn references(meta: &ParseNestedMeta<'_>, at: Span) -> Result<References> {
    const HOW: &str = "the field's type `Ref<…>` names the table: write `references` alone or \
                       `references(on_delete = \"cascade\")`";
    let mut references = References {
        at,
        on_delete: "Restrict",
        set_null: None,
    };
    if meta.input.is_empty() || meta.input.peek(Token![,]) {
        return Ok(references);
    }
    let (_, action) = in_parentheses(meta, at, HOW, |content| {
        let action = assignment(content, &["on_delete"], "`references` attribute")?;
        content.parse::<Option<Token![,]>>()?;
        match content.is_empty() {
            true => Ok(action),
            false => Err(content.error(HOW)),
        }
    })?;
    match action.value().as_str() {
        "restrict" => references.on_delete = "Restrict",
        "cascade" => references.on_delete = "Cascade",
        "set_null" => {
            references.on_delete = "SetNull";
            references.set_null = Some(action.span());
        }
        other => {
            let actions = ["restrict", "cascade", "set_null"];
            return Err(Error::new(action.span(), known("action", other, &actions)));
        }
    }
    Ok(references)
}

fn default(meta: &ParseNestedMeta<'_>) -> Result<(TokenStream, Span)> {
    const HOW: &str = "a default is a text, a number or a boolean";
    let value = meta.value()?;
    let minus: Option<Token![-]> = value.parse()?;
    let literal: Lit = match value.peek(Lit) {
        true => value.parse()?,
        false => return Err(value.error(HOW)),
    };
    let span = literal.span();
    let path = quote_spanned!(span=> ::headwater::__private::DefaultValue);
    let tokens = match (&literal, minus) {
        (Lit::Int(number), minus) => {
            let sign = if minus.is_some() { "-" } else { "" };
            let number: i64 = format!("{sign}{}", number.base10_digits())
                .parse()
                .map_err(|_| Error::new(span, "a whole number as a default lies between -2^63 and 2^63 - 1"))?;
            quote_spanned!(span=> #path::Int(#number))
        }
        (Lit::Float(number), minus) => {
            let number: f64 = number.base10_parse()?;
            let number = if minus.is_some() { -number } else { number };
            quote_spanned!(span=> #path::Float(#number))
        }
        (Lit::Str(text), None) => quote_spanned!(span=> #path::Text(#text)),
        (Lit::Bool(value), None) => quote_spanned!(span=> #path::Bool(#value)),
        _ => return Err(Error::new(span, HOW)),
    };
    Ok((tokens, span))
}
