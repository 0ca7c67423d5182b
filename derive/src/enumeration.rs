//! `#[derive(Enumeration)]`: the stored names of the variants, and the enum as a type of columns.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::{Data, DataEnum, DeriveInput, Error, Fields, LitStr, Variant};

use crate::attributes::{each_item, letter_case, once, text, word};
use crate::case::Case;
use crate::errors::{Errors, known};

/// <https://dev.mysql.com/doc/refman/8.4/en/enum.html>
const MOST: usize = 65_535;
const LONGEST: usize = 255;

pub(crate) fn expand(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let names = read(input, &mut errors);
    let code = names
        .filter(|_| errors.may_expand())
        .map(|names| implement(input, &names));
    let errors = errors.into_tokens();
    quote!(#errors #code)
}

/// The variants' names as they are stored.
fn read<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<Vec<(&'a Variant, String)>> {
    let enumeration = enumeration(input, errors)?;
    let mut rename_all: Option<Case> = None;
    each_item(&input.attrs, "enumeration", errors, |meta, _| {
        let word = word(meta)?;
        match word == "rename_all" {
            true => once(&mut rename_all, &word, letter_case(meta)?),
            false => Err(Error::new(
                word.span(),
                match word == "name" {
                    true => "`name` belongs to a variant: write `#[enumeration(name = \"…\")]` there".to_owned(),
                    false => known("enumeration attribute", &word.to_string(), &["rename_all"]),
                },
            )),
        }
    });
    let mut names: Vec<(&Variant, String)> = Vec::new();
    let mut seen: std::collections::HashMap<String, &Variant> = std::collections::HashMap::new();
    for variant in &enumeration.variants {
        if !matches!(variant.fields, Fields::Unit) {
            errors.under(
                &variant.fields,
                format!(
                    "`{}` has fields: a value of an enumeration is stored as its name alone",
                    variant.ident
                ),
            );
            errors.fatal();
        }
        let (name, at) = name(variant, rename_all, errors);
        if let Some(problem) = problem(&name) {
            errors.at(at, problem);
        }
        if let Some(other) = seen.insert(name.to_lowercase(), variant) {
            let message = format!(
                "`{}` and `{}` are both stored as `{name}`; the database does not tell upper and lower case apart",
                other.ident, variant.ident
            );
            errors.at(at, message);
        }
        names.push((variant, name));
    }
    Some(names)
}

fn enumeration<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<&'a DataEnum> {
    let enumeration = match &input.data {
        Data::Enum(enumeration) => enumeration,
        Data::Struct(data) => {
            errors.at(
                data.struct_token.span,
                "`Enumeration` is derived for enums; for a struct there is `Table`",
            );
            return None;
        }
        Data::Union(data) => {
            errors.at(data.union_token.span, "`Enumeration` is derived for enums");
            return None;
        }
    };
    let generics = &input.generics;
    if !generics.params.is_empty() {
        errors.under(generics, "an enumeration cannot be generic");
        return None;
    }
    if let Some(clause) = &generics.where_clause {
        errors.under(clause, "an enumeration cannot be generic");
        return None;
    }
    let many = enumeration.variants.len();
    if many == 0 {
        errors.at(input.ident.span(), "an enumeration needs variants");
        return None;
    }
    if many > MOST {
        errors.at(
            input.ident.span(),
            format!("an enumeration has at most {MOST} variants, this one has {many}"),
        );
        return None;
    }
    Some(enumeration)
}

/// The name of one variant, with the place that it comes from.
fn name(variant: &Variant, rename_all: Option<Case>, errors: &mut Errors) -> (String, Span) {
    let mut name: Option<LitStr> = None;
    each_item(&variant.attrs, "enumeration", errors, |meta, _| {
        let word = word(meta)?;
        match word == "name" {
            true => once(&mut name, &word, text(meta)?),
            false => Err(Error::new(
                word.span(),
                match word == "rename_all" {
                    true => "`rename_all` belongs to the enum: write it there".to_owned(),
                    false => known("enumeration attribute", &word.to_string(), &["name"]),
                },
            )),
        }
    });
    let ident = variant.ident.unraw().to_string();
    match (name, rename_all) {
        (Some(name), _) => (name.value(), name.span()),
        (None, Some(case)) => (case.apply(&ident), variant.ident.span()),
        (None, None) => (ident, variant.ident.span()),
    }
}

/// What keeps a name from being a value of ENUM and SET.
fn problem(name: &str) -> Option<String> {
    let length = name.chars().count();
    if name.is_empty() {
        Some("the name of a variant cannot be empty".to_owned())
    } else if length > LONGEST {
        Some(format!(
            "the name of a variant has at most {LONGEST} characters, this one has {length}"
        ))
    } else if name.contains(',') {
        Some("the name of a variant cannot hold a comma: a SET is written with commas".to_owned())
    } else if name.ends_with(' ') {
        Some("the name of a variant cannot end with a space: the database cuts it".to_owned())
    } else {
        None
    }
}

fn implement(input: &DeriveInput, names: &[(&Variant, String)]) -> TokenStream {
    let ident = &input.ident;
    let variants: Vec<_> = names.iter().map(|(variant, _)| &variant.ident).collect();
    let positions: Vec<usize> = (0..names.len()).collect();
    let names: Vec<&str> = names.iter().map(|(_, name)| name.as_str()).collect();
    // Nothing here asks for what the traits ask of the enum, so that what is missing is told only once.
    quote! {
        const _: () = {
            const __VARIANTS: &[&str] = &[#(#names),*];

            #[automatically_derived]
            impl ::headwater::__private::Enumeration for #ident {
                const VARIANTS: &'static [&'static str] = __VARIANTS;

                fn position(self) -> usize {
                    match self {
                        #(Self::#variants => #positions,)*
                    }
                }

                fn at(__position: usize) -> ::core::option::Option<Self> {
                    match __position {
                        #(#positions => ::core::option::Option::Some(Self::#variants),)*
                        _ => ::core::option::Option::None,
                    }
                }
            }

            #[automatically_derived]
            impl ::headwater::__private::ColumnType for #ident {
                type Compare<'__a> = Self;

                const SQL: ::headwater::__private::SqlType = ::headwater::__private::SqlType::Enum(__VARIANTS);

                fn encode(
                    &self,
                    _: &'static ::headwater::__private::ColumnDef,
                ) -> ::headwater::__private::Result<::headwater::__private::Value> {
                    ::core::result::Result::Ok(__value(self))
                }

                #[inline]
                fn encode_ref(
                    &self,
                    _: &'static ::headwater::__private::ColumnDef,
                ) -> ::headwater::__private::Result<::headwater::__private::ValueRef<'_>> {
                    ::core::result::Result::Ok(::headwater::__private::ValueRef::Text(__name(self)))
                }

                fn decode(
                    __value: ::headwater::__private::Value,
                    __column: &'static ::headwater::__private::ColumnDef,
                ) -> ::headwater::__private::Result<Self> {
                    ::headwater::__private::decode_enumeration(__value, __column)
                }

                fn from_cell(
                    __cell: &mut ::headwater::__private::Cell<'_>,
                    __column: &'static ::headwater::__private::ColumnDef,
                ) -> ::headwater::__private::Result<Self> {
                    ::headwater::__private::take_enumeration(__cell, __column)
                }

                fn operand(__variant: Self) -> ::headwater::__private::Value {
                    __value(&__variant)
                }

                fn same(&self, __other: &Self) -> bool {
                    ::core::mem::discriminant(self) == ::core::mem::discriminant(__other)
                }
            }

            fn __value(__variant: &#ident) -> ::headwater::__private::Value {
                ::headwater::__private::Value::Text(::std::string::String::from(__name(__variant)))
            }

            #[inline]
            fn __name(__variant: &#ident) -> &'static str {
                match __variant {
                    #(#ident::#variants => #names,)*
                }
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enumeration_has_at_most_65535_variants() {
        let enumeration = |variants: usize| {
            let variants = (0..variants).map(|i| quote::format_ident!("V{i}"));
            let input: DeriveInput = syn::parse_quote!(enum Wide { #(#variants),* });
            expand(&input).to_string()
        };
        assert!(!enumeration(65_535).contains("compile_error"));
        assert!(enumeration(65_536).contains("an enumeration has at most 65535 variants, this one has 65536"));
    }

    #[test]
    fn a_name_has_at_most_255_characters() {
        let enumeration = |length: usize| {
            let name = "ä".repeat(length);
            let input: DeriveInput = syn::parse_quote!(
                enum Wide {
                    #[enumeration(name = #name)]
                    A,
                }
            );
            expand(&input).to_string()
        };
        assert!(!enumeration(255).contains("compile_error"));
        assert!(enumeration(256).contains("at most 255 characters, this one has 256"));
    }
}
