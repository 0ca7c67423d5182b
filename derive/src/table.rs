//! `#[derive(Table)]`: puts together what the attributes say and writes the implementations.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Fields, FieldsNamed, Ident, LitStr, Visibility};

use crate::attributes::{bad_name, misplaced};
use crate::case::Case;
use crate::columns::Columns;
use crate::definition;
use crate::errors::Errors;
use crate::indexes::{self, Index};
use crate::methods;
use crate::streams::Streams;
use crate::table_attributes::TableAttributes;

/// Everything that is known of the struct.
struct Table<'a> {
    ident: &'a Ident,
    visibility: &'a Visibility,
    name: String,
    attributes: TableAttributes,
    columns: Columns,
    indexes: Vec<Index>,
    streams: Streams,
}

pub(crate) fn expand(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let table = Table::read(input, &mut errors);
    let code = table.filter(|_| errors.may_expand()).map(|table| table.expand());
    let errors = errors.into_tokens();
    quote!(#errors #code)
}

/// The fields, if the derive stands on a struct that has named ones and no parameters.
fn fields<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<&'a FieldsNamed> {
    const HOW: &str = "`Table` is derived for structs with named fields";
    let generics = &input.generics;
    if !generics.params.is_empty() {
        errors.under(generics, "a table cannot be generic: its columns are constants");
        return None;
    }
    if let Some(clause) = &generics.where_clause {
        errors.under(clause, "a table cannot be generic: its columns are constants");
        return None;
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Some(fields),
            Fields::Unnamed(fields) => {
                errors.under(fields, format!("{HOW}; a column needs the name of its field"));
                None
            }
            Fields::Unit => {
                errors.at(input.ident.span(), format!("{HOW}; this one has no fields"));
                None
            }
        },
        Data::Enum(data) => {
            errors.at(
                data.enum_token.span,
                format!("{HOW}; for an enum there is `Enumeration`"),
            );
            None
        }
        Data::Union(data) => {
            errors.at(data.union_token.span, HOW);
            None
        }
    }
}

impl<'a> Table<'a> {
    fn read(input: &'a DeriveInput, errors: &mut Errors) -> Option<Self> {
        let fields = fields(input, errors)?;
        misplaced(&input.attrs, "column", "a field", errors);
        let attributes = TableAttributes::read(&input.attrs, errors);
        let name = match &attributes.name {
            Some(name) => name.value(),
            None => {
                let name = Case::Snake.apply(&input.ident.unraw().to_string());
                if let Some(problem) = bad_name(&name, "a table") {
                    errors.at(input.ident.span(), problem);
                }
                name
            }
        };
        let columns = Columns::read(&input.ident, fields, attributes.rename_all, errors);
        check_soft_delete(&attributes, &columns, errors);
        let indexes = indexes::read(&attributes.indexes, &columns, errors);
        let streams = Streams::read(&input.ident, &attributes, &columns, errors);
        Some(Table {
            ident: &input.ident,
            visibility: &input.vis,
            name,
            attributes,
            columns,
            indexes,
            streams,
        })
    }

    fn expand(&self) -> TokenStream {
        let ident = self.ident;
        let columns = &self.columns;
        let column_constants = methods::constants(ident, self.visibility, columns);
        let stream_constants = self.streams.constants(self.visibility);
        let definition = self.definition();
        let methods = methods::of_table(columns);
        let column_checks = definition::checks(columns);
        let streams = self.streams.publish(ident);
        quote! {
            #[allow(dead_code, non_upper_case_globals, private_interfaces)]
            impl #ident {
                #column_constants
                #stream_constants
            }

            // What is wrong with a constant is shown here, not where the table is first used.
            const _: () = {
                static __TABLE: ::headwater::__private::TableDef = #definition;

                #[automatically_derived]
                impl ::headwater::__private::Table for #ident {
                    const TABLE: &'static ::headwater::__private::TableDef = &__TABLE;
                    #methods
                }

                #column_checks
                #streams
            };
        }
    }

    /// The `TableDef`.
    fn definition(&self) -> TokenStream {
        let Table { name, columns, .. } = self;
        let entity = self.ident.unraw().to_string();
        let defs = columns.all.iter().map(|column| definition::of_column(name, column));
        let quoted = definition::quoted(name);
        let names = columns.all.iter().map(|column| definition::quoted(&column.name));
        let list = names.collect::<Vec<_>>().join(",");
        let indexes = self.indexes.iter().map(Index::expand);
        let id = columns.id.unwrap_or_default();
        let [version, created_at, updated_at, deleted_at] = [
            columns.version,
            columns.created_at,
            columns.updated_at,
            columns.deleted_at,
        ]
        .map(definition::optional);
        let pool = |pool: &Option<LitStr>| pool.as_ref().map_or_else(|| "default".to_owned(), LitStr::value);
        let (mysql, redis) = (pool(&self.attributes.mysql), pool(&self.attributes.redis));
        quote! {
            ::headwater::__private::TableDef {
                name: #name,
                quoted: #quoted,
                entity: #entity,
                columns: &[#(#defs),*],
                list: #list,
                id: #id,
                version: #version,
                created_at: #created_at,
                updated_at: #updated_at,
                deleted_at: #deleted_at,
                indexes: &[#(#indexes),*],
                mysql: #mysql,
                redis: #redis,
            }
        }
    }
}

/// `soft_delete` and `deleted_at` belong together.
fn check_soft_delete(attributes: &TableAttributes, columns: &Columns, errors: &mut Errors) {
    let deleted_at = columns.all.iter().find_map(|column| column.attributes.deleted_at);
    match (attributes.soft_delete, deleted_at) {
        (Some(at), None) => errors.at(
            at,
            "`soft_delete` needs a column for the time of the delete: mark an `Option` of a datetime with \
             `#[column(deleted_at)]`",
        ),
        (None, Some(at)) => errors.at(
            at,
            "`deleted_at` is for tables with soft delete: add `soft_delete` to `#[table(…)]`",
        ),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_at_most_256_columns() {
        let table = |columns: usize| {
            let fields = (1..columns).map(|i| quote::format_ident!("c{i}"));
            let input: DeriveInput = syn::parse_quote! {
                struct Wide { #[column(id)] id: u64, #(#fields: u8),* }
            };
            expand(&input).to_string()
        };
        assert!(!table(256).contains("compile_error"));
        assert!(table(257).contains("a table has at most 256 columns, this one has 257"));
    }

    #[test]
    fn an_index_has_at_most_16_columns() {
        let table = |columns: usize| {
            let fields: Vec<_> = (0..columns).map(|i| quote::format_ident!("c{i}")).collect();
            let input: DeriveInput = syn::parse_quote! {
                #[table(index(#(#fields),*))]
                struct Wide { #[column(id)] id: u64, #(#fields: u8),* }
            };
            expand(&input).to_string()
        };
        assert!(!table(16).contains("compile_error"));
        assert!(table(17).contains("an index has at most 16 columns"));
    }
}
