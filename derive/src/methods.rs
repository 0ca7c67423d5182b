//! The typed constants of the columns, and the methods of `Table`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, Visibility};

use crate::columns::{Column, Columns, Stored};

/// `User::EMAIL` and the like.
pub(crate) fn constants(table: &Ident, visibility: &Visibility, columns: &Columns) -> TokenStream {
    let constants = columns.all.iter().enumerate().map(|(position, column)| {
        let constant = &column.constant;
        let ty = column.column_type();
        let get = column.get();
        let text = format!("The column `{}`.", column.name);
        quote! {
            #[doc = #text]
            #visibility const #constant: ::headwater::__private::Column<#table, #ty> =
                ::headwater::__private::Column::new(#position, |__entity: &#table| #get);
        }
    });
    quote!(#(#constants)*)
}

/// Everything of `Table` but the definition.
pub(crate) fn of_table(columns: &Columns) -> TokenStream {
    let each = || columns.all.iter().enumerate();
    let Some(id) = columns.id() else {
        return TokenStream::new();
    };
    let (key, key_field) = (&id.ty, &id.field);
    let from_row = each().map(|(i, column)| {
        let def = def(i);
        let value = column.take(i, &def);
        let field = &column.field;
        quote!(#field: #value)
    });
    let skipped = columns
        .skipped
        .iter()
        .map(|(field, ty)| quote_spanned!(ty.span()=> #field: <#ty as ::core::default::Default>::default()));
    let encode = each().map(|(i, column)| {
        let value = column.encode(&def(i));
        quote!(#i => #value)
    });
    let encode_ref = each().map(|(i, column)| {
        let value = column.encode_ref(&def(i));
        quote!(#i => #value)
    });
    let write = each().map(|(i, column)| {
        let write = column.write(&def(i));
        quote!(if __columns.contains(&#i) { #write?; })
    });
    let decode = each().map(|(i, column)| {
        let value = column.decode(quote!(__value), &def(i));
        let field = &column.field;
        quote!(#i => self.#field = #value)
    });
    let diff = each().map(|(i, column)| {
        let same = column.same();
        quote!(if !#same { __columns.insert(#i); })
    });
    let copy = each().map(|(i, column)| {
        let Column { field, ty, .. } = column;
        quote!(#i => self.#field = <#ty as ::core::clone::Clone>::clone(&__from.#field))
    });
    let pending = each().filter_map(|(i, column)| column.pending().map(|pending| quote!(#i => #pending)));
    quote! {
        type Key = #key;

        fn table_index() -> usize {
            static INDEX: ::headwater::__private::OnceLock<usize> = ::headwater::__private::OnceLock::new();
            *INDEX.get_or_init(::headwater::__private::next_table_index)
        }

        fn key(&self) -> &#key {
            &self.#key_field
        }

        fn set_key(&mut self, __key: #key) {
            self.#key_field = __key;
        }

        fn from_row(__row: &mut ::headwater::__private::Row) -> ::headwater::__private::Result<Self> {
            ::core::result::Result::Ok(Self {
                #(#from_row,)*
                #(#skipped,)*
            })
        }

        fn encode(&self, __column: usize) -> ::headwater::__private::Result<::headwater::__private::Value> {
            match __column {
                #(#encode,)*
                _ => ::core::result::Result::Err(__TABLE.no_column(__column)),
            }
        }

        fn encode_ref(
            &self,
            __column: usize,
        ) -> ::headwater::__private::Result<::headwater::__private::ValueRef<'_>> {
            match __column {
                #(#encode_ref,)*
                _ => ::core::result::Result::Err(__TABLE.no_column(__column)),
            }
        }

        fn write_columns(
            &self,
            __columns: ::core::ops::Range<usize>,
            __row: &mut impl ::headwater::__private::RowWriter,
        ) -> ::headwater::__private::Result<()> {
            #(#write)*
            ::core::result::Result::Ok(())
        }

        fn decode(
            &mut self,
            __column: usize,
            __value: ::headwater::__private::Value,
        ) -> ::headwater::__private::Result<()> {
            match __column {
                #(#decode,)*
                _ => {
                    return ::core::result::Result::Err(__TABLE.no_column(__column));
                }
            }
            ::core::result::Result::Ok(())
        }

        fn diff(&self, __other: &Self) -> ::headwater::__private::ColumnSet {
            let mut __columns = ::headwater::__private::ColumnSet::EMPTY;
            #(#diff)*
            __columns
        }

        fn copy_column(&mut self, __column: usize, __from: &Self) {
            match __column {
                #(#copy,)*
                _ => {}
            }
        }

        fn pending(&self, __column: usize) -> ::core::option::Option<::headwater::__private::RawHandle> {
            match __column {
                #(#pending,)*
                _ => ::core::option::Option::None,
            }
        }
    }
}

/// The `ColumnDef` at the position.
fn def(position: usize) -> TokenStream {
    quote!(&__TABLE.columns[#position])
}

impl Column {
    fn get(&self) -> TokenStream {
        let Column { field, ty, .. } = self;
        match &self.stored {
            Stored::Plain => quote!(<#ty as ::core::clone::Clone>::clone(&__entity.#field)),
            Stored::As(column) => {
                quote!(<#ty as ::headwater::__private::StoredAs<#column>>::to_column(&__entity.#field))
            }
            Stored::OptionAs { field: inner, column } => quote! {
                ::core::option::Option::map(
                    ::core::option::Option::as_ref(&__entity.#field),
                    |__field| <#inner as ::headwater::__private::StoredAs<#column>>::to_column(__field),
                )
            },
        }
    }

    fn encode(&self, def: &TokenStream) -> TokenStream {
        let Column { field, ty, .. } = self;
        match &self.stored {
            Stored::Plain => quote!(<#ty as ::headwater::__private::ColumnType>::encode(&self.#field, #def)),
            Stored::As(column) => {
                quote!(<#ty as ::headwater::__private::StoredAs<#column>>::encode_field(&self.#field, #def))
            }
            Stored::OptionAs { field: inner, column } => quote! {
                match &self.#field {
                    ::core::option::Option::Some(__field) => {
                        <#inner as ::headwater::__private::StoredAs<#column>>::encode_field(__field, #def)
                    }
                    ::core::option::Option::None => {
                        ::core::result::Result::Ok(::headwater::__private::Value::Null)
                    }
                }
            },
        }
    }

    fn encode_ref(&self, def: &TokenStream) -> TokenStream {
        let Column { field, ty, .. } = self;
        match &self.stored {
            Stored::Plain => quote!(<#ty as ::headwater::__private::ColumnType>::encode_ref(&self.#field, #def)),
            Stored::As(column) => {
                quote!(<#ty as ::headwater::__private::StoredAs<#column>>::encode_field_ref(&self.#field, #def))
            }
            // What is made for the purpose is not borrowed.
            Stored::OptionAs { .. } => {
                let value = self.encode(def);
                quote!(::core::result::Result::map(#value, ::headwater::__private::ValueRef::Owned))
            }
        }
    }

    /// The field into a row.
    fn write(&self, def: &TokenStream) -> TokenStream {
        let Column { field, ty, .. } = self;
        match &self.stored {
            Stored::Plain => {
                quote!(<#ty as ::headwater::__private::ColumnType>::write_column(&self.#field, #def, __row))
            }
            Stored::As(_) | Stored::OptionAs { .. } => {
                let value = self.encode_ref(def);
                quote!(::headwater::__private::RowWriter::put(__row, #value?))
            }
        }
    }

    /// The field from its place in a row.
    fn take(&self, position: usize, def: &TokenStream) -> TokenStream {
        let ty = &self.ty;
        match &self.stored {
            Stored::Plain => quote! {
                <#ty as ::headwater::__private::ColumnType>::from_cell(&mut __row.cell(#position, #def)?, #def)?
            },
            Stored::As(_) | Stored::OptionAs { .. } => self.decode(quote!(__row.value(#position, #def)?), def),
        }
    }

    fn decode(&self, value: TokenStream, def: &TokenStream) -> TokenStream {
        let ty = &self.ty;
        match &self.stored {
            Stored::Plain => quote!(<#ty as ::headwater::__private::ColumnType>::decode(#value, #def)?),
            Stored::As(column) => {
                quote!(<#ty as ::headwater::__private::StoredAs<#column>>::decode_field(#value, #def)?)
            }
            Stored::OptionAs { field: inner, column } => quote! {
                match #value {
                    ::headwater::__private::Value::Null => ::core::option::Option::None,
                    __value => ::core::option::Option::Some(
                        <#inner as ::headwater::__private::StoredAs<#column>>::decode_field(__value, #def)?,
                    ),
                }
            },
        }
    }

    fn same(&self) -> TokenStream {
        let Column { field, ty, .. } = self;
        match &self.stored {
            Stored::Plain => quote!(<#ty as ::headwater::__private::ColumnType>::same(&self.#field, &__other.#field)),
            Stored::As(column) => quote! {
                <#ty as ::headwater::__private::StoredAs<#column>>::same_field(&self.#field, &__other.#field)
            },
            Stored::OptionAs { field: inner, column } => quote! {
                match (&self.#field, &__other.#field) {
                    (::core::option::Option::Some(__a), ::core::option::Option::Some(__b)) => {
                        <#inner as ::headwater::__private::StoredAs<#column>>::same_field(__a, __b)
                    }
                    (::core::option::Option::None, ::core::option::Option::None) => true,
                    _ => false,
                }
            },
        }
    }

    /// Only what is a column type itself can be a reference.
    fn pending(&self) -> Option<TokenStream> {
        let Column { field, ty, .. } = self;
        match &self.stored {
            Stored::Plain => Some(quote!(<#ty as ::headwater::__private::ColumnType>::pending(&self.#field))),
            Stored::As(_) | Stored::OptionAs { .. } => None,
        }
    }
}
