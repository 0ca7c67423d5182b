//! Relations: following references, and loading many at once instead of one by one.

use std::collections::HashMap;

use super::Session;
use super::core::Core;
use super::find::Query;
use crate::entity::Entity;
use crate::error::Result;
use crate::query::{Condition, Select};
use crate::table::{Column, ColumnType, Handle, Ref, Table, Value};

/// A column's type that refers to rows of another table: `Ref<T>` and `Option<Ref<T>>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a reference",
    note = "a relation is a column of type `Ref<…>` or `Option<Ref<…>>`"
)]
pub trait Refers: ColumnType {
    /// The entity referred to.
    type Target: Entity;

    /// The reference, if there is one.
    fn reference(&self) -> Option<&Ref<Self::Target>>;
}

impl<T: Entity> Refers for Ref<T> {
    type Target = T;

    fn reference(&self) -> Option<&Ref<T>> {
        Some(self)
    }
}

impl<T: Entity> Refers for Option<Ref<T>> {
    type Target = T;

    fn reference(&self) -> Option<&Ref<T>> {
        self.as_ref()
    }
}

/// Keys in one condition; more only make it slower.
const MOST_KEYS: usize = 1024;

impl<Phase> Session<Phase> {
    /// The entity that a reference points at: read if the session does not hold it, `None` when there is no such
    /// row, or the reference is not set.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "users")]
    /// # struct User { #[column(id)] id: u64, name: String }
    /// # impl Entity for User {}
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "posts")]
    /// # struct Post { #[column(id)] id: u64, author: Ref<User> }
    /// # impl Entity for Post {}
    /// # fn demo(session: &mut Session, post: Handle<Post>) -> headwater::Result<()> {
    /// let author = session[post].author;
    /// if let Some(author) = session.load(&author)? {
    ///     println!("{}", session[author].name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`find`](Session::find).
    pub fn load<T: Entity>(&mut self, reference: &Ref<T>) -> Result<Option<Handle<T>>> {
        if let Some(pending) = reference.pending() {
            return self.core.get(pending).map(|_| Some(pending));
        }
        match reference.key() {
            Some(key) => self.core.find(key.encode(T::TABLE.key())?),
            None => Ok(None),
        }
    }

    /// The rows that refer to each of these entities, in one statement for all of them: for each entity, in the
    /// order given, the rows in the order of their keys. Entities that are not inserted yet have none.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "users")]
    /// # struct User { #[column(id)] id: u64, name: String }
    /// # impl Entity for User {}
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "posts")]
    /// # struct Post { #[column(id)] id: u64, author: Ref<User> }
    /// # impl Entity for Post {}
    /// # fn demo(session: &mut Session) -> headwater::Result<()> {
    /// let users = session.query::<User>().all()?;
    /// for (user, posts) in users.iter().zip(session.load_many(Post::AUTHOR, &users)?) {
    ///     println!("{} wrote {} posts", session[*user].name, posts.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`find`](Session::find), and when a handle is refused.
    pub fn load_many<E: Entity, R: Refers>(
        &mut self,
        column: Column<E, R>,
        targets: &[Handle<R::Target>],
    ) -> Result<Vec<Vec<Handle<E>>>> {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        let mut keys: Vec<Value> = Vec::new();
        for (i, &target) in targets.iter().enumerate() {
            let entity = self.core.get(target)?;
            if crate::table::Key::is_unset(entity.key()) {
                continue;
            }
            let entry = places.entry(entity.key().to_string()).or_default();
            if entry.is_empty() {
                keys.push(entity.key().encode(R::Target::TABLE.key())?);
            }
            entry.push(i);
        }
        let mut found: Vec<Vec<Handle<E>>> = vec![Vec::new(); targets.len()];
        for chunk in keys.chunks(MOST_KEYS) {
            let filter = Some(Condition::one_of(column.position(), chunk.to_vec()));
            let (sql, params) = Select::<E> {
                filter,
                by_key: true,
                ..Select::default()
            }
            .rows();
            for handle in self.core.load::<E>(&sql, params)? {
                let value = column.get(self.core.get(handle)?);
                let key = value.reference().and_then(Ref::key).map(ToString::to_string);
                for &i in key.and_then(|key| places.get(&key)).into_iter().flatten() {
                    found[i].push(handle);
                }
            }
        }
        Ok(found)
    }
}

/// Loads what a reference of the loaded rows points at.
pub(super) type Eager<E> = Box<dyn FnOnce(&mut Core, &[Handle<E>]) -> Result<()>>;

impl<E: Entity> Query<'_, E> {
    /// Loads the rows that this reference points at too, all in one statement, so that
    /// [`load`](Session::load) finds them in the session.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "users")]
    /// # struct User { #[column(id)] id: u64, name: String }
    /// # impl Entity for User {}
    /// # #[derive(Debug, Clone, Default, Table)]
    /// # #[table(name = "posts")]
    /// # struct Post { #[column(id)] id: u64, author: Ref<User> }
    /// # impl Entity for Post {}
    /// # fn demo(session: &mut Session) -> headwater::Result<()> {
    /// for post in session.query::<Post>().with(Post::AUTHOR).all()? {
    ///     let author = session[post].author;
    ///     let author = session.load(&author)?; // no statement
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn with<R: Refers>(mut self, column: Column<E, R>) -> Self {
        self.eager.push(Box::new(move |core, rows| {
            let mut keys = Vec::new();
            for &row in rows {
                let value = column.get(core.get(row)?);
                keys.extend(value.reference().and_then(Ref::key).cloned());
            }
            core.find_many::<R::Target>(keys).map(|_| ())
        }));
        self
    }
}
