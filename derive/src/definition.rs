//! What is known of a column, as a constant; and the checks that need its type, which only the compiler
//! knows.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

use crate::columns::{Column, Columns, OPTION_OF_OPTION, Stored, inside};

/// A name as statements have it (<https://dev.mysql.com/doc/refman/8.4/en/identifiers.html>).
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The `ColumnDef`.
pub(crate) fn of_column(table: &str, column: &Column) -> TokenStream {
    let Column {
        field_name,
        name,
        attributes,
        ty,
        ..
    } = column;
    let quoted = quoted(name);
    let sql = lenient_sql(column);
    let default = optional(attributes.default.as_ref().map(|(default, _)| default));
    let constraint = optional(attributes.references.as_ref().map(|references| {
        let action = Ident::new(references.on_delete, references.at);
        quote!(::headwater::__private::OnDelete::#action)
    }));
    let is_id = attributes.id.is_some();
    let (nullable, reference, binary_text) = match &column.stored {
        Stored::Plain => (
            // Not asked of the type where it is plain to see: `Option` of an alias of `Option` has its own check.
            match inside(ty, "Option") {
                Some(_) => quote!(true),
                None => quote_spanned!(ty.span()=> <#ty as ::headwater::__private::ColumnType>::NULLABLE),
            },
            quote!(::headwater::__private::Reference::of::<#ty>(#constraint)),
            quote!(#is_id || <#ty as ::headwater::__private::ColumnType>::BINARY_TEXT),
        ),
        Stored::As(_) => (quote!(false), optional(None::<Ident>), quote!(#is_id)),
        Stored::OptionAs { .. } => (quote!(true), optional(None::<Ident>), quote!(#is_id)),
    };
    quote! {
        ::headwater::__private::ColumnDef {
            table: #table,
            name: #name,
            quoted: #quoted,
            field: #field_name,
            sql: #sql,
            nullable: #nullable,
            default: #default,
            reference: #reference,
            binary_text: #binary_text,
        }
    }
}

/// The `SqlType` that the type itself has.
fn plain_sql(column: &Column) -> TokenStream {
    let ty = &column.ty;
    match &column.stored {
        Stored::Plain => quote!(<#ty as ::headwater::__private::ColumnType>::SQL),
        Stored::As(stored) => quote!(<#ty as ::headwater::__private::StoredAs<#stored>>::SQL),
        Stored::OptionAs { field, column } => quote!(<#field as ::headwater::__private::StoredAs<#column>>::SQL),
    }
}

/// The `SqlType` with length and precision, or without them where they do not fit: what is wrong is shown once,
/// by the check.
fn lenient_sql(column: &Column) -> TokenStream {
    let sql = plain_sql(column);
    let with = match (column.attributes.length, column.attributes.precision) {
        (Some((length, _)), _) => quote!(try_length(__sql, #length)),
        (None, Some((precision, scale, _))) => {
            let scale = optional(scale);
            quote!(try_precision(__sql, #precision, #scale))
        }
        (None, None) => return sql,
    };
    quote! {{
        let __sql = #sql;
        match ::headwater::__private::SqlType::#with {
            ::core::result::Result::Ok(__sql) => __sql,
            ::core::result::Result::Err(_) => __sql,
        }
    }}
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
        field_name,
        attributes,
        ty,
        ..
    } = column;
    let type_of = |at: Span| quote_spanned!(at=> <#ty as ::headwater::__private::ColumnType>);
    let is = |at: Span, what: &str| {
        let method = Ident::new(what, at);
        let ty = type_of(at);
        quote_spanned!(at=> ::headwater::__private::SqlType::#method(&#ty::SQL))
    };
    let mut checks = TokenStream::new();
    let mut check = |at: Span, condition: TokenStream, message: String| {
        checks.extend(quote_spanned!(at=> const _: () = ::core::assert!(#condition, #message);));
    };
    if let Some(at) = attributes.version {
        let ty = type_of(at);
        let message = format!("the version column `{field_name}` must be an integer");
        check(at, is(at, "is_integer"), message);
        let message = format!("the version column `{field_name}` cannot be an `Option`");
        check(at, quote_spanned!(at=> !#ty::NULLABLE), message);
    }
    let times = [
        ("created_at", attributes.created_at),
        ("updated_at", attributes.updated_at),
        ("deleted_at", attributes.deleted_at),
    ];
    for (word, at) in times {
        if let Some(at) = at {
            let message = format!("the `{word}` column `{field_name}` must be a datetime");
            check(at, is(at, "is_datetime"), message);
        }
    }
    if let Some(at) = attributes.deleted_at {
        let ty = type_of(at);
        let message =
            format!("the `deleted_at` column `{field_name}` must be an `Option`: `None` for rows that are not deleted");
        check(at, quote_spanned!(at=> #ty::NULLABLE), message);
    }
    if let (Some(at), Stored::Plain) = (attributes.set, &column.stored) {
        let message =
            format!("`{field_name}` is no set: `set` is for `Vec<E>`, `BTreeSet<E>` and `Set<E>` of an enumeration");
        check(at, is(at, "is_set"), message);
    }
    if let Some(references) = &attributes.references {
        let (at, ty) = (references.at, type_of(references.at));
        let message = format!("`{field_name}` refers to no table: `references` is for `Ref<…>` and `Option<Ref<…>>`");
        check(at, quote_spanned!(at=> #ty::REFERS.is_some()), message);
        if let Some(at) = references.set_null {
            let ty = type_of(at);
            let message = format!("`{field_name}` cannot be NULL: `set_null` is for `Option<Ref<…>>`");
            check(at, quote_spanned!(at=> #ty::NULLABLE), message);
        }
    }
    if let Some((default, at)) = &attributes.default {
        let sql = lenient_sql(column);
        let message = format!("this default does not fit the type of the column `{field_name}`");
        check(
            *at,
            quote_spanned!(*at=> ::headwater::__private::DefaultValue::fits(&#default, #sql)),
            message,
        );
    }
    // An alias may hide an `Option` in the `Option`.
    if let (Some(inner), Stored::Plain) = (inside(ty, "Option"), &column.stored) {
        let at = inner.span();
        let inner = quote_spanned!(at=> <#inner as ::headwater::__private::ColumnType>::NULLABLE);
        check(at, quote_spanned!(at=> !#inner), OPTION_OF_OPTION.to_owned());
    }
    let sql = plain_sql(column);
    if let Some((length, at)) = attributes.length {
        checks.extend(quote_spanned! {at=>
            const _: ::headwater::__private::SqlType = ::headwater::__private::SqlType::with_length(#sql, #length);
        });
    }
    if let Some((precision, scale, at)) = attributes.precision {
        let scale = optional(scale);
        checks.extend(quote_spanned! {at=>
            const _: ::headwater::__private::SqlType =
                ::headwater::__private::SqlType::with_precision(#sql, #precision, #scale);
        });
    }
    checks
}
