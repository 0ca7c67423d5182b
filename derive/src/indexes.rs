//! The indexes of a table: those of its columns, of its references, and those declared on the struct.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;

use crate::attributes::bad_name;
use crate::columns::Columns;
use crate::errors::{Errors, nearest};
use crate::table_attributes::IndexAttribute;

/// The most columns an index can have.
/// <https://dev.mysql.com/doc/refman/8.4/en/multiple-column-indexes.html>
const MAX_COLUMNS: usize = 16;

/// One index but the primary key.
pub(crate) struct Index {
    name: String,
    columns: Vec<usize>,
    unique: bool,
}

/// All indexes in the order of the fields, then those of the struct.
pub(crate) fn read(declared: &[IndexAttribute], columns: &Columns, errors: &mut Errors) -> Vec<Index> {
    let declared: Vec<(&IndexAttribute, Vec<usize>)> = declared
        .iter()
        .map(|index| (index, positions(index, columns, errors)))
        .collect();
    let mut indexes = Indexes {
        columns,
        all: Vec::new(),
    };
    for (position, column) in columns.all.iter().enumerate() {
        let attributes = &column.attributes;
        let own = [(&attributes.unique, true), (&attributes.index, false)];
        for (own, unique) in own {
            if let Some(own) = own {
                let (name, at) = match &own.name {
                    Some(name) => (Some(name.value()), name.span()),
                    None => (None, own.at),
                };
                indexes.add(name, vec![position], unique, at, errors);
            }
        }
        // The database wants an index under a foreign key, and so does whoever asks for what refers to a row.
        let covered = attributes.unique.is_some()
            || attributes.index.is_some()
            || attributes.id.is_some()
            || declared.iter().any(|(_, fields)| fields.first() == Some(&position));
        if column.is_reference() && !covered {
            let at = column.field.span();
            indexes.add(None, vec![position], false, at, errors);
        }
    }
    for (index, fields) in declared {
        let (name, at) = match &index.name {
            Some(name) => (Some(name.value()), name.span()),
            None => (None, index.at),
        };
        if !fields.is_empty() {
            indexes.add(name, fields, index.unique, at, errors);
        }
    }
    indexes.all
}

/// The positions of the fields that an index names.
fn positions(index: &IndexAttribute, columns: &Columns, errors: &mut Errors) -> Vec<usize> {
    let mut positions: Vec<usize> = Vec::new();
    for field in &index.fields {
        let name = field.unraw();
        let skipped = columns.skipped.iter().any(|(ident, _)| ident.unraw() == name);
        match columns.of_field(field) {
            Some(position) if positions.contains(&position) => {
                errors.at(field.span(), format!("`{name}` is in this index already"));
            }
            Some(position) => positions.push(position),
            None if skipped => errors.at(
                field.span(),
                format!("`{name}` is skipped, so it cannot be in an index"),
            ),
            None => {
                let fields: Vec<&str> = columns.all.iter().map(|c| c.field_name.as_str()).collect();
                let hint = match nearest(&name.to_string(), &fields) {
                    Some(nearest) => format!(": did you mean `{nearest}`?"),
                    None => format!(": an index names fields, here {}", fields.join(", ")),
                };
                errors.at(field.span(), format!("no field `{name}`{hint}"));
            }
        }
    }
    if positions.len() > MAX_COLUMNS {
        errors.at(index.at, format!("an index has at most {MAX_COLUMNS} columns"));
    }
    positions
}

struct Indexes<'a> {
    columns: &'a Columns,
    all: Vec<Index>,
}

impl Indexes<'_> {
    fn add(&mut self, name: Option<String>, columns: Vec<usize>, unique: bool, at: Span, errors: &mut Errors) {
        let name = name.unwrap_or_else(|| {
            let mut name = String::from(if unique { "uq" } else { "ix" });
            for column in &columns {
                name.push('_');
                name.push_str(&self.columns.all[*column].name);
            }
            if bad_name(&name, "an index").is_some() {
                errors.at(at, format!("the index would be called `{name}`, which is too long: give it a name, `name = \"…\"` in `index(…)` or `index = \"…\"` on a field"));
            }
            name
        });
        let lower = name.to_lowercase();
        if lower == "primary" {
            errors.at(at, "the name PRIMARY is the primary key's");
        } else if let Some(other) = self.all.iter().find(|index| index.name.to_lowercase() == lower) {
            let fields: Vec<&str> = other
                .columns
                .iter()
                .map(|&c| self.columns.all[c].field_name.as_str())
                .collect();
            errors.at(
                at,
                format!(
                    "two indexes have the name `{name}`; the other is of {}",
                    fields.join(", ")
                ),
            );
            return;
        }
        self.all.push(Index { name, columns, unique });
    }
}

impl Index {
    /// The `IndexDef`.
    pub(crate) fn expand(&self) -> TokenStream {
        let Index { name, columns, unique } = self;
        quote! {
            ::headwater::__private::IndexDef { name: #name, columns: &[#(#columns),*], unique: #unique }
        }
    }
}
