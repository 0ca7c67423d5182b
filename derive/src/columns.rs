//! The fields of the struct as columns: names, stored types, and the rules between fields.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{FieldsNamed, GenericArgument, Ident, PathArguments, Type};

use crate::attributes::{bad_name, misplaced};
use crate::case::{self, Case};
use crate::column_attributes::ColumnAttributes;
use crate::errors::Errors;

/// The most columns of a table: `headwater::table::MAX_COLUMNS`.
const MAX_COLUMNS: usize = 256;

pub(crate) const OPTION_OF_OPTION: &str = "a column cannot be an `Option` of an `Option`: which `None` would NULL be?";

/// One field that is stored.
pub(crate) struct Column {
    pub(crate) field: Ident,
    /// The field's name without `r#`.
    pub(crate) field_name: String,
    /// The column's name.
    pub(crate) name: String,
    /// The typed constant of the struct.
    pub(crate) constant: Ident,
    pub(crate) ty: Type,
    pub(crate) stored: Stored,
    pub(crate) attributes: ColumnAttributes,
}

/// How the field's type becomes the column's.
pub(crate) enum Stored {
    /// It is a column type itself.
    Plain,
    /// By way of another type.
    As(TokenStream),
    /// The inside of the field's `Option` by way of another type.
    OptionAs { field: Box<Type>, column: TokenStream },
}

/// All fields of the struct, and which columns have a task.
#[derive(Default)]
pub(crate) struct Columns {
    pub(crate) all: Vec<Column>,
    pub(crate) skipped: Vec<(Ident, Type)>,
    pub(crate) id: Option<usize>,
    pub(crate) version: Option<usize>,
    pub(crate) created_at: Option<usize>,
    pub(crate) updated_at: Option<usize>,
    pub(crate) deleted_at: Option<usize>,
}

impl Columns {
    pub(crate) fn read(table: &Ident, fields: &FieldsNamed, rename_all: Option<Case>, errors: &mut Errors) -> Self {
        let mut columns = Columns::default();
        for field in &fields.named {
            misplaced(&field.attrs, "table", "the struct", errors);
            let attributes = ColumnAttributes::read(&field.attrs, errors);
            let Some(ident) = field.ident.clone() else { continue };
            if attributes.skip.is_some() {
                columns.skipped.push((ident, field.ty.clone()));
                continue;
            }
            let column = Column::new(ident, &field.ty, attributes, rename_all, errors);
            columns.add(column, errors);
        }
        if columns.id.is_none() {
            errors.at(table.span(), "no key: mark one field with #[column(id)]");
            errors.fatal();
        }
        if columns.all.len() > MAX_COLUMNS {
            let many = columns.all.len();
            errors.at(
                table.span(),
                format!("a table has at most {MAX_COLUMNS} columns, this one has {many}"),
            );
            errors.fatal();
        }
        columns
    }

    fn add(&mut self, column: Column, errors: &mut Errors) {
        let position = self.all.len();
        let lower = column.name.to_lowercase();
        if let Some(other) = self.all.iter().find(|c| c.name.to_lowercase() == lower) {
            let message = format!(
                "`{}` and `{}` are the same column, `{}`",
                other.field_name, column.field_name, other.name
            );
            errors.at(column.name_span(), message);
        } else if let Some(other) = self.all.iter().find(|c| c.constant == column.constant) {
            let message = format!(
                "`{}` and `{}` would both have the constant `{}`",
                other.field_name, column.field_name, column.constant
            );
            errors.at(column.field.span(), message);
            errors.fatal();
        }
        let tasks = [
            (&mut self.id, column.attributes.id, "id"),
            (&mut self.version, column.attributes.version, "version"),
            (&mut self.created_at, column.attributes.created_at, "created_at"),
            (&mut self.updated_at, column.attributes.updated_at, "updated_at"),
            (&mut self.deleted_at, column.attributes.deleted_at, "deleted_at"),
        ];
        for (slot, at, word) in tasks {
            match (&slot, at) {
                (Some(first), Some(at)) => {
                    let first = &self.all[*first].field_name;
                    errors.at(at, format!("only one field can be the `{word}`; `{first}` is already"));
                }
                (None, Some(_)) => *slot = Some(position),
                (_, None) => {}
            }
        }
        self.all.push(column);
    }

    /// The position of the column that the field is stored in.
    pub(crate) fn of_field(&self, field: &Ident) -> Option<usize> {
        let name = field.unraw().to_string();
        self.all.iter().position(|c| c.field_name == name)
    }

    pub(crate) fn id(&self) -> Option<&Column> {
        self.id.and_then(|id| self.all.get(id))
    }
}

impl Column {
    fn new(
        field: Ident,
        ty: &Type,
        attributes: ColumnAttributes,
        rename_all: Option<Case>,
        errors: &mut Errors,
    ) -> Self {
        let field_name = field.unraw().to_string();
        let name = match (&attributes.name, rename_all) {
            (Some(name), _) => name.value(),
            (None, Some(case)) => case.apply(&field_name),
            (None, None) => field_name.clone(),
        };
        if attributes.name.is_none()
            && let Some(problem) = bad_name(&name, "a column")
        {
            errors.at(field.span(), problem);
        }
        if let Some(inner) = inside(ty, "Option") {
            if attributes.id.is_some() {
                errors.under(ty, "a key cannot be an `Option`: every row has one");
                errors.fatal();
            }
            if inside(inner, "Option").is_some() {
                errors.under(ty, OPTION_OF_OPTION);
                errors.fatal();
            }
        }
        Column {
            constant: case::constant(&field_name, field.span()),
            stored: Stored::of(ty, &attributes),
            ty: ty.clone(),
            field,
            field_name,
            name,
            attributes,
        }
    }

    /// Where the column's name comes from.
    pub(crate) fn name_span(&self) -> Span {
        self.attributes
            .name
            .as_ref()
            .map_or_else(|| self.field.span(), |name| name.span())
    }

    /// The type of the column.
    pub(crate) fn column_type(&self) -> TokenStream {
        match &self.stored {
            Stored::Plain => self.ty.to_token_stream(),
            Stored::As(column) => column.clone(),
            Stored::OptionAs { column, .. } => quote!(::core::option::Option<#column>),
        }
    }

    /// Whether it is written as a reference; an alias of the type is not seen.
    pub(crate) fn is_reference(&self) -> bool {
        inside(inside(&self.ty, "Option").unwrap_or(&self.ty), "Ref").is_some()
    }
}

impl Stored {
    fn of(ty: &Type, attributes: &ColumnAttributes) -> Self {
        let inner = inside(ty, "Option");
        let field = inner.unwrap_or(ty);
        let column = if let Some(at) = attributes.json {
            Some(quote::quote_spanned!(at=> ::headwater::__private::Json<#field>))
        } else if attributes.set.is_some() {
            ["Vec", "BTreeSet"]
                .iter()
                .find_map(|list| inside(field, list))
                .map(|element| quote!(::headwater::__private::Set<#element>))
        } else {
            None
        };
        match (column, inner) {
            (Some(column), Some(_)) => Stored::OptionAs {
                field: Box::new(field.clone()),
                column,
            },
            (Some(column), None) => Stored::As(column),
            (None, _) => Stored::Plain,
        }
    }
}

/// The `T` of `name<T>`, whatever path stands before the name.
pub(crate) fn inside<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    match ty {
        Type::Group(group) => inside(&group.elem, name),
        Type::Paren(paren) => inside(&paren.elem, name),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            if last.ident != name {
                return None;
            }
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return None;
            };
            match arguments.args.first() {
                Some(GenericArgument::Type(inner)) if arguments.args.len() == 1 => Some(inner),
                _ => None,
            }
        }
        _ => None,
    }
}
