//! Dirty streams: which streams a table declares, on which operations, and which columns trigger them.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, LitStr, Path, Visibility};

use crate::case;
use crate::columns::Columns;
use crate::definition::optional;
use crate::errors::{Errors, nearest};
use crate::operations::Operations;
use crate::table_attributes::{StreamAttribute, TableAttributes};
use crate::tag;

/// One stream of a table.
struct Stream {
    source: Source,
    on: Operations,
    redis: Option<String>,
    /// Positions of columns.
    triggers: Vec<usize>,
}

enum Source {
    /// A constant of the user.
    Path(Path),
    /// A name in `dirty_stream`, for which the derive makes a constant.
    Tag { name: String, constant: Ident },
}

/// The streams of a table, in the order of declaration.
#[derive(Default)]
pub(crate) struct Streams {
    all: Vec<Stream>,
    /// Checks that only constants can make, because only they know a stream's name.
    checks: Vec<TokenStream>,
}

impl Streams {
    pub(crate) fn read(table: &Ident, attributes: &TableAttributes, columns: &Columns, errors: &mut Errors) -> Self {
        let mut streams = Streams::default();
        for declared in &attributes.streams {
            streams.declare(table, declared, errors);
        }
        if let Some(tag) = &attributes.tag {
            streams.declare_tag(tag, columns, errors);
        }
        for (position, column) in columns.all.iter().enumerate() {
            for path in &column.attributes.triggers {
                streams.trigger(position, &of_table(path, table), errors);
            }
            if let Some(tag) = &column.attributes.tag {
                streams.trigger_tag(position, tag, errors);
            }
        }
        for (declared, stream) in attributes.streams.iter().zip(&streams.all) {
            if stream.on == Operations::default() && stream.triggers.is_empty() {
                let at = declared.on.as_ref().map_or_else(|| declared.path.span(), LitStr::span);
                let name = text(&declared.path);
                let message = format!(
                    "`{name}` would never get an event: name operations, or let a column trigger it with \
                     `#[column(triggers({name}))]`"
                );
                errors.at(at, message);
            }
        }
        streams.check_names();
        streams
    }

    fn declare(&mut self, table: &Ident, declared: &StreamAttribute, errors: &mut Errors) {
        let path = of_table(&declared.path, table);
        let twice = self
            .all
            .iter()
            .any(|s| matches!(&s.source, Source::Path(p) if text(p) == text(&path)));
        if twice {
            errors.under(
                &declared.path,
                format!("`{}` is declared twice on the table", text(&path)),
            );
        }
        let on = match &declared.on {
            None => Operations::ALL,
            Some(letters) => Operations::parse(&letters.value(), true).unwrap_or_else(|problem| {
                errors.at(letters.span(), problem);
                Operations::ALL
            }),
        };
        self.all.push(Stream {
            source: Source::Path(path),
            on,
            redis: declared.redis.as_ref().map(LitStr::value),
            triggers: Vec::new(),
        });
    }

    fn declare_tag(&mut self, literal: &LitStr, columns: &Columns, errors: &mut Errors) {
        for item in literal.value().split(',') {
            let item = match tag::parse(item) {
                Ok(item) => item,
                Err(problem) => {
                    errors.at(literal.span(), problem);
                    continue;
                }
            };
            let constant = case::constant(&item.name, literal.span());
            let clash = self.all.iter().find_map(|stream| match &stream.source {
                Source::Tag { name, constant: other } if *other == constant => Some(name),
                _ => None,
            });
            if clash.is_some_and(|name| *name == item.name) {
                errors.at(
                    literal.span(),
                    format!("the stream `{}` is declared twice on the table", item.name),
                );
                continue;
            }
            let clash = clash.map(|name| format!("the stream `{name}`")).or_else(|| {
                let column = columns.all.iter().find(|column| column.constant == constant)?;
                Some(format!("the column `{}`", column.name))
            });
            if let Some(other) = clash {
                let name = &item.name;
                let message = format!(
                    "the stream `{name}` and {other} would both have the constant `{constant}`: declare the stream \
                     with a constant of your own, `stream(…)`"
                );
                errors.at(literal.span(), message);
                continue;
            }
            self.all.push(Stream {
                source: Source::Tag {
                    name: item.name,
                    constant,
                },
                on: item.on,
                redis: item.redis,
                triggers: Vec::new(),
            });
        }
    }

    fn trigger(&mut self, column: usize, path: &Path, errors: &mut Errors) {
        let wanted = text(path);
        let exact = self
            .all
            .iter()
            .position(|s| matches!(&s.source, Source::Path(p) if text(p) == wanted));
        let last = path.segments.last().map(|segment| &segment.ident);
        let alike: Vec<usize> = match exact {
            Some(exact) => vec![exact],
            None => (0..self.all.len())
                .filter(|&i| self.all[i].source.constant() == last)
                .collect(),
        };
        match alike[..] {
            [] => {
                let names: Vec<String> = self.all.iter().map(|s| s.source.text()).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let hint = match nearest(&wanted, &names) {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => format!("add `stream({wanted})` to `#[table(…)]`"),
                };
                errors.under(
                    path,
                    format!("the stream `{wanted}` is not declared on the table: {hint}"),
                );
            }
            [stream] => {
                if exact.is_none()
                    && let Source::Path(declared) = &self.all[stream].source
                {
                    // Two paths that end alike: only their names tell whether they are one stream.
                    let message = format!(
                        "this is not the stream `{}` that the table declares: add `stream({wanted})` to `#[table(…)]`",
                        text(declared)
                    );
                    let same = same_name(path, &local(stream, path.span()), path.span());
                    self.checks.push(quote_spanned! {path.span()=>
                        const _: () = ::core::assert!(#same, #message);
                    });
                }
                self.add_trigger(stream, column, path.span(), errors);
            }
            _ => errors.under(
                path,
                format!("several streams of the table are called `{wanted}`: write the path as in `stream(…)`"),
            ),
        }
    }

    fn trigger_tag(&mut self, column: usize, literal: &LitStr, errors: &mut Errors) {
        for name in literal.value().split(',').map(str::trim) {
            let found = self
                .all
                .iter()
                .position(|s| matches!(&s.source, Source::Tag { name: declared, .. } if declared == name));
            match found {
                Some(stream) => self.add_trigger(stream, column, literal.span(), errors),
                None if name.is_empty() => errors.at(literal.span(), "the name of a stream cannot be empty"),
                None => {
                    let names: Vec<String> = self.all.iter().filter_map(|s| s.source.tag()).collect();
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    let hint = match nearest(name, &names) {
                        Some(nearest) => format!("did you mean `{nearest}`?"),
                        None => "add it to `dirty_stream` in `#[table(…)]`".to_owned(),
                    };
                    errors.at(
                        literal.span(),
                        format!("the stream `{name}` is not declared on the table: {hint}"),
                    );
                }
            }
        }
    }

    fn add_trigger(&mut self, stream: usize, column: usize, at: Span, errors: &mut Errors) {
        let stream = &mut self.all[stream];
        if stream.triggers.contains(&column) {
            errors.at(at, format!("this column triggers `{}` already", stream.source.text()));
        } else {
            stream.triggers.push(column);
        }
    }

    /// Two constants may have one name, which only the compiler can see.
    fn check_names(&mut self) {
        for (i, stream) in self.all.iter().enumerate().skip(1) {
            let at = stream.source.span();
            let here = local(i, at);
            let others =
                self.all[..i]
                    .iter()
                    .enumerate()
                    .filter_map(|(j, other)| match (&stream.source, &other.source) {
                        (Source::Tag { .. }, Source::Tag { .. }) => None,
                        (Source::Path(a), Source::Path(b)) if text(a) == text(b) => None,
                        _ => Some(same_name(&here, &local(j, at), at)),
                    });
            let others: Vec<TokenStream> = others.collect();
            if !others.is_empty() {
                let message = format!(
                    "`{}` has the name of a stream that the table declares already",
                    stream.source.text()
                );
                self.checks.push(quote_spanned! {at=>
                    const _: () = ::core::assert!(!(#(#others)||*), #message);
                });
            }
        }
    }

    /// The associated constants of the streams that `dirty_stream` names.
    pub(crate) fn constants(&self, visibility: &Visibility) -> TokenStream {
        let constants = self.all.iter().filter_map(|stream| {
            let Source::Tag { name, constant } = &stream.source else {
                return None;
            };
            let text = format!("The stream `{name}`.");
            Some(quote! {
                #[doc = #text]
                #visibility const #constant: ::headwater::__private::Stream =
                    ::headwater::__private::Stream::new(#name);
            })
        });
        quote!(#(#constants)*)
    }

    /// `impl Publish`, with the constants and checks that stand beside it.
    pub(crate) fn publish(&self, table: &Ident) -> TokenStream {
        let constants = self.all.iter().enumerate().map(|(i, stream)| {
            let (constant, source) = (local(i, stream.source.span()), stream.source.value(table));
            quote!(const #constant: ::headwater::__private::Stream = #source;)
        });
        let publications = self.all.iter().enumerate().map(|(i, stream)| {
            let constant = local(i, stream.source.span());
            let on = stream.on.expand();
            let triggers = &stream.triggers;
            let redis = optional(stream.redis.as_ref());
            quote! {
                ::headwater::__private::Publication {
                    stream: #constant,
                    on: #on,
                    triggers: ::headwater::__private::ColumnSet::of(&[#(#triggers),*]),
                    redis: #redis,
                }
            }
        });
        let checks = &self.checks;
        quote! {
            #(#constants)*

            #[automatically_derived]
            impl ::headwater::__private::Publish for #table {
                const STREAMS: &'static [::headwater::__private::Publication] = &[#(#publications),*];
            }

            #(#checks)*
        }
    }
}

impl Source {
    /// The last word of the constant.
    fn constant(&self) -> Option<&Ident> {
        match self {
            Source::Path(path) => path.segments.last().map(|segment| &segment.ident),
            Source::Tag { constant, .. } => Some(constant),
        }
    }

    fn tag(&self) -> Option<String> {
        match self {
            Source::Path(_) => None,
            Source::Tag { name, .. } => Some(name.clone()),
        }
    }

    fn text(&self) -> String {
        match self {
            Source::Path(path) => text(path),
            Source::Tag { name, .. } => name.clone(),
        }
    }

    fn span(&self) -> Span {
        match self {
            Source::Path(path) => path.span(),
            Source::Tag { constant, .. } => constant.span(),
        }
    }

    /// The constant as an expression.
    fn value(&self, table: &Ident) -> Path {
        match self {
            Source::Path(path) => path.clone(),
            Source::Tag { constant, .. } => {
                let table = Ident::new(&table.to_string(), constant.span());
                syn::parse_quote!(#table::#constant)
            }
        }
    }
}

/// The path with the struct's name for `Self`, because checks stand outside of its `impl`.
fn of_table(path: &Path, table: &Ident) -> Path {
    let mut path = path.clone();
    if let Some(first) = path.segments.first_mut()
        && first.ident == "Self"
    {
        first.ident = Ident::new(&table.to_string(), first.ident.span());
    }
    path
}

/// The constant beside `impl Publish` that holds a stream.
fn local(stream: usize, at: Span) -> Ident {
    Ident::new(&format!("__STREAM_{stream}"), at)
}

fn text(path: &Path) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}

/// An expression: whether both constants name the same stream.
fn same_name(a: &impl ToTokens, b: &impl ToTokens, at: Span) -> TokenStream {
    quote_spanned! {at=>
        ::headwater::__private::same_text(
            ::headwater::__private::Stream::name(&#a),
            ::headwater::__private::Stream::name(&#b),
        )
    }
}
