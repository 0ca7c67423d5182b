//! The derives of headwater.

mod attributes;
mod case;
mod column_attributes;
mod columns;
mod definition;
mod enumeration;
mod errors;
mod indexes;
mod methods;
mod streams;
mod table;
mod table_attributes;
mod tag;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Table.
#[proc_macro_derive(Table, attributes(table, column))]
pub fn table(input: TokenStream) -> TokenStream {
    table::expand(&parse_macro_input!(input as DeriveInput)).into()
}

/// Enumeration.
#[proc_macro_derive(Enumeration, attributes(enumeration))]
pub fn enumeration(input: TokenStream) -> TokenStream {
    enumeration::expand(&parse_macro_input!(input as DeriveInput)).into()
}
