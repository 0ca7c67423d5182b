//! `#[table(…)]`: what may stand on the struct.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Ident, LitStr, Path, Result, Token};

use crate::attributes::{
    assignment, bad_name, database_name, each_item, flag, in_parentheses, letter_case, once, pool, text, unknown, word,
};
use crate::case::Case;
use crate::column_attributes::COLUMN_WORDS;
use crate::errors::Errors;

pub(crate) const TABLE_WORDS: [&str; 8] = [
    "name",
    "rename_all",
    "mysql",
    "redis",
    "stream",
    "index",
    "soft_delete",
    "dirty_stream",
];

/// What the attributes of the struct say.
#[derive(Default)]
pub(crate) struct TableAttributes {
    pub(crate) name: Option<LitStr>,
    pub(crate) rename_all: Option<Case>,
    pub(crate) mysql: Option<LitStr>,
    pub(crate) redis: Option<LitStr>,
    pub(crate) streams: Vec<StreamAttribute>,
    pub(crate) indexes: Vec<IndexAttribute>,
    pub(crate) soft_delete: Option<Span>,
    pub(crate) tag: Option<LitStr>,
}

/// `stream(PATH, on = "ID", redis = "pool")`.
pub(crate) struct StreamAttribute {
    pub(crate) path: Path,
    /// The letters; all where it is left out.
    pub(crate) on: Option<LitStr>,
    pub(crate) redis: Option<LitStr>,
}

/// `index(unique, name = "x", field_a, field_b)`.
pub(crate) struct IndexAttribute {
    pub(crate) at: Span,
    pub(crate) unique: bool,
    pub(crate) name: Option<LitStr>,
    pub(crate) fields: Vec<Ident>,
}

impl TableAttributes {
    pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut table = TableAttributes::default();
        each_item(attributes, "table", errors, |meta, _| table.item(meta));
        table
    }

    fn item(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let word = word(meta)?;
        match word.to_string().as_str() {
            "name" => once(&mut self.name, &word, database_name(meta, "a table")?),
            "rename_all" => once(&mut self.rename_all, &word, letter_case(meta)?),
            "mysql" => once(&mut self.mysql, &word, pool(meta)?),
            "redis" => once(&mut self.redis, &word, pool(meta)?),
            "soft_delete" => once(&mut self.soft_delete, &word, flag(meta, &word)?),
            "dirty_stream" => once(&mut self.tag, &word, text(meta)?),
            "stream" => {
                self.streams.push(stream(meta, word.span())?);
                Ok(())
            }
            "index" => {
                self.indexes.push(index(meta, word.span())?);
                Ok(())
            }
            _ => Err(unknown("table", &word, &TABLE_WORDS, "column", &COLUMN_WORDS)),
        }
    }
}

fn stream(meta: &ParseNestedMeta<'_>, at: Span) -> Result<StreamAttribute> {
    const HOW: &str = "name the stream's constant: `stream(USERS)` or `stream(USERS, on = \"ID\")`";
    in_parentheses(meta, at, HOW, |content| {
        if content.peek(LitStr) {
            return Err(content.error(HOW));
        }
        let mut stream = StreamAttribute {
            path: Path::parse_mod_style(content)?,
            on: None,
            redis: None,
        };
        while !content.is_empty() {
            content.parse::<Token![,]>()?;
            if content.is_empty() {
                break;
            }
            let (word, value) = assignment(content, &["on", "redis"], "`stream` attribute")?;
            if word == "on" {
                once(&mut stream.on, &word, value)?;
            } else if value.value().trim().is_empty() {
                return Err(Error::new(value.span(), "the name of a pool cannot be empty"));
            } else {
                once(&mut stream.redis, &word, value)?;
            }
        }
        Ok(stream)
    })
}

fn index(meta: &ParseNestedMeta<'_>, at: Span) -> Result<IndexAttribute> {
    const HOW: &str = "name the fields: `index(last_name, first_name)` or `index(unique, email)`";
    in_parentheses(meta, at, HOW, |content| {
        let mut index = IndexAttribute {
            at,
            unique: false,
            name: None,
            fields: Vec::new(),
        };
        while !content.is_empty() {
            if content.peek(LitStr) {
                return Err(content.error(HOW));
            }
            if content.peek2(Token![=]) {
                let (word, value) = assignment(content, &["name"], "`index` attribute")?;
                if let Some(problem) = bad_name(&value.value(), "an index") {
                    return Err(Error::new(value.span(), problem));
                }
                once(&mut index.name, &word, value)?;
            } else {
                let word = content.call(Ident::parse_any)?;
                if word == "unique" && index.fields.is_empty() && !index.unique {
                    index.unique = true;
                } else {
                    index.fields.push(word);
                }
            }
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        if index.fields.is_empty() {
            return Err(Error::new(at, HOW));
        }
        Ok(index)
    })
}
