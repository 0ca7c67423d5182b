//! References: foreign keys that may point at a row that has no key yet.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::def::Table;
use super::handle::{Handle, RawHandle};

/// A reference to a row of `T`: its key, or the handle of an entity that is not inserted yet.
///
/// `flush` inserts the entity first, takes its key and writes it here. `Option<Ref<T>>` is nullable. A
/// `Ref::default()` points nowhere; to store one is an error that names table and column.
///
/// ```
/// use headwater::prelude::*;
///
/// #[derive(Debug, Clone, Default, Table)]
/// #[table(name = "users")]
/// struct User {
///     #[column(id)]
///     id: u64,
/// }
///
/// #[derive(Debug, Clone, Default, Table)]
/// #[table(name = "posts")]
/// struct Post {
///     #[column(id)]
///     id: u64,
///     author: Ref<User>,
///     reviewer: Option<Ref<User>>,
/// }
///
/// let post = Post { author: Ref::to(7), ..Post::default() };
/// assert_eq!(post.author.key(), Some(&7));
/// ```
pub struct Ref<T: Table>(Target<T::Key>);

enum Target<K> {
    Unset,
    Key(K),
    Pending(RawHandle),
}

impl<T: Table> Ref<T> {
    /// A reference to the row with this key.
    pub fn to(key: T::Key) -> Self {
        Ref(Target::Key(key))
    }

    /// The key of the row, once it is known.
    pub fn key(&self) -> Option<&T::Key> {
        match &self.0 {
            Target::Key(key) => Some(key),
            Target::Unset | Target::Pending(_) => None,
        }
    }

    /// The handle of the entity that is not inserted yet.
    pub fn pending(&self) -> Option<Handle<T>> {
        match self.0 {
            Target::Pending(raw) => Some(Handle::new(raw)),
            Target::Unset | Target::Key(_) => None,
        }
    }

    /// Whether it points nowhere.
    pub fn is_unset(&self) -> bool {
        matches!(self.0, Target::Unset)
    }
}

impl<T: Table> Default for Ref<T> {
    fn default() -> Self {
        Ref(Target::Unset)
    }
}

impl<T: Table> From<Handle<T>> for Ref<T> {
    fn from(handle: Handle<T>) -> Self {
        Ref(Target::Pending(handle.raw))
    }
}

impl<T: Table> From<&T> for Ref<T> {
    /// A reference to a row that was stored: one whose key is set.
    fn from(entity: &T) -> Self {
        use super::key::Key;
        if entity.key().is_unset() {
            Ref::default()
        } else {
            Ref(Target::Key(entity.key().clone()))
        }
    }
}

impl<T: Table> Clone for Ref<T> {
    fn clone(&self) -> Self {
        Ref(match &self.0 {
            Target::Unset => Target::Unset,
            Target::Key(key) => Target::Key(key.clone()),
            Target::Pending(raw) => Target::Pending(*raw),
        })
    }
}

impl<T: Table<Key: Copy>> Copy for Ref<T> {}
impl<K: Clone> Clone for Target<K> {
    fn clone(&self) -> Self {
        match self {
            Target::Unset => Target::Unset,
            Target::Key(key) => Target::Key(key.clone()),
            Target::Pending(raw) => Target::Pending(*raw),
        }
    }
}
impl<K: Copy> Copy for Target<K> {}

impl<T: Table> PartialEq for Ref<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl<T: Table> Eq for Ref<T> {}
impl<T: Table> PartialOrd for Ref<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T: Table> Ord for Ref<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Target::Unset, Target::Unset) => Ordering::Equal,
            (Target::Unset, _) => Ordering::Less,
            (_, Target::Unset) => Ordering::Greater,
            (Target::Key(a), Target::Key(b)) => a.cmp(b),
            (Target::Key(_), Target::Pending(_)) => Ordering::Less,
            (Target::Pending(_), Target::Key(_)) => Ordering::Greater,
            (Target::Pending(a), Target::Pending(b)) => a.cmp(b),
        }
    }
}
impl<T: Table> Hash for Ref<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0 {
            Target::Unset => 0u8.hash(state),
            Target::Key(key) => key.hash(state),
            Target::Pending(raw) => raw.hash(state),
        }
    }
}

impl<T: Table> fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::Unset => write!(f, "Ref(unset)"),
            Target::Key(key) => write!(f, "Ref({key:?})"),
            Target::Pending(raw) => write!(f, "Ref(pending {}.{}.{})", raw.session, raw.slot, raw.generation),
        }
    }
}
