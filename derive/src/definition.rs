//! What is known of a column, as a constant; and the checks that need its type, which only the compiler
//! knows.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use crate::columns::{Column, Columns};

/// The `ColumnDef`.
pub(crate) fn of_column(table: &str, column: &Column) -> TokenStream {
    let Column {
        field_name,
        name,
        attributes,
        ..
    } = column;
    let ty = column.column_type();
    let sql = sql(column);
    let default = optional(attributes.default.as_ref().map(|(default, _)| default));
    let constraint = optional(attributes.references.as_ref().map(|references| {
        let action = proc_macro2::Ident::new(references.on_delete, references.at);
        quote!(::headwater::__private::OnDelete::#action)
    }));
    let is_id = attributes.id.is_some();
    quote! {
        ::headwater::__private::ColumnDef {
            table: #table,
            name: #name,
            field: #field_name,
            sql: #sql,
            nullable: <#ty as ::headwater::__private::ColumnType>::NULLABLE,
            default: #default,
            reference: ::headwater::__private::Reference::of::<#ty>(#constraint),
            binary_text: #is_id || <#ty as ::headwater::__private::ColumnType>::BINARY_TEXT,
        }
    }
}

/// The `SqlType` with length and precision.
fn sql(column: &Column) -> TokenStream {
    let ty = column.column_type();
    let mut sql = quote!(<#ty as ::headwater::__private::ColumnType>::SQL);
    if let Some((length, at)) = column.attributes.length {
        sql = quote_spanned!(at=> ::headwater::__private::SqlType::with_length(#sql, #length));
    }
    if let Some((precision, scale, at)) = column.attributes.precision {
        let scale = optional(scale);
        sql = quote_spanned!(at=> ::headwater::__private::SqlType::with_precision(#sql, #precision, #scale));
    }
    sql
}

/// An `Option` as an expression.
pub(crate) fn optional(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// The checks of all columns.
pub(crate) fn checks(columns: &Columns) -> TokenStream {
    columns.all.iter().map(of_type).collect()
}

/// What the attributes ask of the column's type.
fn of_type(column: &Column) -> TokenStream {
    let Column {
        field_name, attributes, ..
    } = column;
    let ty = column.column_type();
    let type_of = |at: Span| quote_spanned!(at=> <#ty as ::headwater::__private::ColumnType>);
    let is = |at: Span, what: &str| {
        let method = proc_macro2::Ident::new(what, at);
        let ty = type_of(at);
        quote_spanned!(at=> ::headwater::__private::SqlType::#method(&#ty::SQL))
    };
    let mut checks = TokenStream::new();
    let mut check = |at: Span, condition: TokenStream, message: String| {
        checks.extend(quote_spanned!(at=> const _: () = ::core::assert!(#condition, #message);));
    };
    if let Some(at) = attributes.version {
        let ty = type_of(at);
        check(
            at,
            is(at, "is_integer"),
            format!("the version column `{field_name}` must be an integer"),
        );
        check(
            at,
            quote_spanned!(at=> !#ty::NULLABLE),
            format!("the version column `{field_name}` cannot be an `Option`"),
        );
    }
    let times = [
        ("created_at", attributes.created_at),
        ("updated_at", attributes.updated_at),
        ("deleted_at", attributes.deleted_at),
    ];
    for (word, at) in times {
        if let Some(at) = at {
            check(
                at,
                is(at, "is_datetime"),
                format!("the `{word}` column `{field_name}` must be a datetime"),
            );
        }
    }
    if let Some(at) = attributes.deleted_at {
        let ty = type_of(at);
        check(
            at,
            quote_spanned!(at=> #ty::NULLABLE),
            format!("the `deleted_at` column `{field_name}` must be an `Option`: `None` for rows that are not deleted"),
        );
    }
    if let Some(at) = attributes.set {
        check(
            at,
            is(at, "is_set"),
            format!("`{field_name}` is no set: `set` is for `Vec<E>`, `BTreeSet<E>` and `Set<E>` of an enumeration"),
        );
    }
    if let Some(references) = &attributes.references {
        let ty = type_of(references.at);
        let at = references.at;
        check(
            at,
            quote_spanned!(at=> #ty::REFERS.is_some()),
            format!("`{field_name}` refers to no table: `references` is for `Ref<…>` and `Option<Ref<…>>`"),
        );
        if let Some(at) = references.set_null {
            let ty = type_of(at);
            check(
                at,
                quote_spanned!(at=> #ty::NULLABLE),
                format!("`{field_name}` cannot be NULL: `set_null` is for `Option<Ref<…>>`"),
            );
        }
    }
    if let Some((default, at)) = &attributes.default {
        let sql = sql(column);
        check(
            *at,
            quote_spanned!(*at=> ::headwater::__private::DefaultValue::fits(&#default, #sql)),
            format!("this default does not fit the type of the column `{field_name}`"),
        );
    }
    checks
}
