//! The derives of headwater.
use proc_macro::TokenStream;

/// Table.
#[proc_macro_derive(Table, attributes(table, column))]
pub fn table(_: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// Enumeration.
#[proc_macro_derive(Enumeration, attributes(enumeration))]
pub fn enumeration(_: TokenStream) -> TokenStream {
    TokenStream::new()
}
