//! Enumerations (ENUM columns) and sets of them (SET columns).

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

/// A fieldless enum whose variants are the values of an ENUM or SET column.
///
/// `#[derive(Enumeration)]` writes it. A variant is stored under its own name; change that with
/// `#[enumeration(rename_all = "snake_case")]` on the enum or `#[enumeration(name = "…")]` on a variant.
///
/// ```
/// use headwater::prelude::*;
///
/// #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
/// #[enumeration(rename_all = "snake_case")]
/// enum Status { #[default] Active, LockedOut }
///
/// assert_eq!(Status::VARIANTS, ["active", "locked_out"]);
/// assert_eq!(Status::parse("locked_out"), Some(Status::LockedOut));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an enumeration",
    note = "add `#[derive(Clone, Copy, PartialEq, Eq, Enumeration)]` to the enum"
)]
pub trait Enumeration: Copy + Eq + Send + Sync + 'static {
    /// The stored names, in the order of the variants.
    const VARIANTS: &'static [&'static str];

    /// The position of this variant in [`VARIANTS`](Enumeration::VARIANTS).
    fn position(self) -> usize;

    /// The variant at the position.
    fn at(position: usize) -> Option<Self>;

    /// The name under which this variant is stored.
    fn name(self) -> &'static str {
        Self::VARIANTS[self.position()]
    }

    /// The variant with this name; upper and lower case are told apart.
    fn parse(name: &str) -> Option<Self> {
        Self::VARIANTS.iter().position(|&v| v == name).and_then(Self::at)
    }
}

/// A set of an enumeration's variants: a SET column, at most 64 variants.
///
/// ```
/// use headwater::prelude::*;
///
/// #[derive(Debug, Clone, Copy, PartialEq, Eq, Enumeration)]
/// enum Role { Reader, Writer, Admin }
///
/// let mut roles = Set::of([Role::Writer]);
/// roles.insert(Role::Reader);
/// assert_eq!(roles.to_string(), "Reader,Writer");
/// assert!(roles.has(Role::Writer) && !roles.has(Role::Admin));
/// ```
pub struct Set<T> {
    bits: u64,
    of: PhantomData<fn() -> T>,
}

impl<T: Enumeration> Set<T> {
    // SET has at most 64 members: https://dev.mysql.com/doc/refman/8.4/en/set.html
    const FITS: () = assert!(T::VARIANTS.len() <= 64, "a SET column has at most 64 values");

    /// No variant.
    pub const fn empty() -> Self {
        Set {
            bits: 0,
            of: PhantomData,
        }
    }

    /// These variants.
    pub fn of(variants: impl IntoIterator<Item = T>) -> Self {
        variants.into_iter().collect()
    }

    /// Adds a variant.
    pub fn insert(&mut self, variant: T) {
        let () = Self::FITS;
        self.bits |= 1 << variant.position();
    }

    /// Takes a variant out.
    pub fn remove(&mut self, variant: T) {
        let () = Self::FITS;
        self.bits &= !(1 << variant.position());
    }

    /// Whether the variant is in the set.
    pub fn has(&self, variant: T) -> bool {
        let () = Self::FITS;
        self.bits & (1 << variant.position()) != 0
    }

    /// Whether no variant is in the set.
    pub fn is_empty(&self) -> bool {
        self.bits == 0
    }

    /// The variants in the order in which they are declared.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<T> {
        let bits = self.bits;
        (0..T::VARIANTS.len())
            .filter(move |p| bits & (1 << p) != 0)
            .filter_map(T::at)
    }
}

impl<T> Clone for Set<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Set<T> {}
impl<T> PartialEq for Set<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bits == other.bits
    }
}
impl<T> Eq for Set<T> {}
impl<T: Enumeration> Default for Set<T> {
    fn default() -> Self {
        Set::empty()
    }
}

impl<T: Enumeration> fmt::Debug for Set<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Enumeration::name)).finish()
    }
}

impl<T: Enumeration> fmt::Display for Set<T> {
    /// The names with commas between them, as the server writes a SET.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, variant) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?
            }
            f.write_str(variant.name())?;
        }
        Ok(())
    }
}

impl<T: Enumeration> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(variants: I) -> Self {
        let mut set = Set::empty();
        variants.into_iter().for_each(|v| set.insert(v));
        set
    }
}

impl<T: Enumeration + Ord> From<&BTreeSet<T>> for Set<T> {
    fn from(variants: &BTreeSet<T>) -> Self {
        variants.iter().copied().collect()
    }
}
