//! What a consumer reads of one change of one row.

use super::column_change::ColumnChange;
use super::decide::FlushType;
use super::declaration::Wire;
use super::entity_id::EntityId;
use super::wire;
use crate::error::Result;
use crate::table::{Column, ColumnDef, ColumnType, Key, Table, Value};

/// One change of one row, as a dirty stream carries it.
///
/// ```
/// use headwater::prelude::*;
/// use headwater::stream::{ColumnChange, DirtyEvent, Param};
///
/// let mut event = DirtyEvent::new("users", 7u64, FlushType::Update);
/// event.changes.push(ColumnChange::new("age", Param::null(), Param::new('u', "18")));
///
/// let bytes = event.to_bytes(Wire::Documented)?;
/// let read = DirtyEvent::from_bytes(&bytes)?;
/// assert_eq!(read.entity_type, "users");
/// assert_eq!(read.entity_id.as_u64(), Some(7));
/// assert_eq!(read.flush_type, FlushType::Update);
/// assert_eq!(read.change_of("age").map(|age| age.new.to_string()).as_deref(), Some("18"));
/// # Ok::<(), headwater::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DirtyEvent {
    /// The table's name in the database.
    pub entity_type: String,
    /// The row's key.
    pub entity_id: EntityId,
    /// What happened to the row.
    pub flush_type: FlushType,
    /// Every changed column of an update, in the order in which the event has them: headwater writes the
    /// order of the table, FluxaORM any. Empty for inserts and deletes.
    pub changes: Vec<ColumnChange>,
    /// Whether the event has FluxaORM's keys, so that its writer may have been Go, which garbles the new
    /// values of nullable columns. Says nothing of the change, so it is no part of equality.
    pub(super) go_keys: bool,
}

impl DirtyEvent {
    /// An event without changes: an insert, a delete, or an update to which `changes` are added. Meant for
    /// tests of consumers and for services that publish events without the ORM.
    ///
    /// ```
    /// use headwater::prelude::*;
    /// use headwater::stream::DirtyEvent;
    ///
    /// let event = DirtyEvent::new("users", "01J9ZQ", FlushType::Delete);
    /// assert!(event.changes.is_empty());
    /// ```
    pub fn new(entity_type: impl Into<String>, entity_id: impl Into<EntityId>, flush_type: FlushType) -> Self {
        DirtyEvent {
            entity_type: entity_type.into(),
            entity_id: entity_id.into(),
            flush_type,
            changes: Vec::new(),
            go_keys: false,
        }
    }

    /// Reads an event from the bytes of an entry's field `s`, in either wire format.
    ///
    /// Takes any width of integer, `bin` or nil where text is expected and keys in any order; skips keys
    /// it does not know.
    ///
    /// ```
    /// use headwater::prelude::*;
    /// use headwater::stream::DirtyEvent;
    ///
    /// let event = DirtyEvent::from_bytes(b"\x83\xa2et\xa5users\xa2id\x07\xa2ft\x01")?;
    /// assert_eq!((event.entity_type.as_str(), event.flush_type), ("users", FlushType::Insert));
    /// assert!(DirtyEvent::from_bytes(b"").unwrap_err().is_malformed());
    /// # Ok::<(), headwater::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A [`Malformed`](crate::ErrorKind::Malformed) error when the bytes end early or go on after the
    /// event, something has a wrong type or stands there twice, table, key or flush type is missing or
    /// impossible (key 0, flush type 4). Nothing is allocated from a length that the bytes only claim.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        wire::read_event(bytes)
    }

    /// The bytes of the event, as an entry's field `s` has them; the changes keep their order.
    ///
    /// ```
    /// use headwater::prelude::*;
    /// use headwater::stream::DirtyEvent;
    ///
    /// let event = DirtyEvent::new("users", 7u64, FlushType::Insert);
    /// assert_eq!(event.to_bytes(Wire::Documented)?, b"\x83\xa2et\xa5users\xa2id\x07\xa2ft\x01");
    /// # Ok::<(), headwater::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A [`Malformed`](crate::ErrorKind::Malformed) error when a text is longer than 4 GiB, which
    /// MessagePack cannot say.
    pub fn to_bytes(&self, wire: Wire) -> Result<Vec<u8>> {
        wire::write_dirty_event(self, wire)
    }

    /// Whether it is of this table.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # fn example<User: Table>(event: headwater::stream::DirtyEvent) -> headwater::Result<()> {
    /// if event.is_of::<User>() {
    ///     let key = event.key::<User>()?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_of<E: Table>(&self) -> bool {
        self.entity_type == E::TABLE.name
    }

    /// The key as the table's own type.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # fn example<User: Table<Key = u64>>(event: headwater::stream::DirtyEvent) -> headwater::Result<()> {
    /// let id: u64 = event.key::<User>()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A [`Value`](crate::ErrorKind::Value) error when the event is of another table or the key does not
    /// fit the type.
    pub fn key<E: Table>(&self) -> Result<E::Key> {
        let column = E::TABLE.key();
        self.check_table(column)?;
        let key = <E::Key as ColumnType>::decode(self.entity_id.to_value(), column)?;
        if key.is_unset() {
            return Err(column.misfit(&self.entity_id.to_value(), "a row has no such key"));
        }
        Ok(key)
    }

    /// The value before and after of this column; `None` when it did not change.
    ///
    /// Reads what FluxaORM garbles in nullable columns: `{abc true}` is `abc`, `{0 false}` is NULL.
    ///
    /// ```
    /// use headwater::prelude::*;
    /// use headwater::stream::{ColumnChange, DirtyEvent, Param};
    ///
    /// #[derive(Debug, Clone, Default, Table)]
    /// #[table(name = "users")]
    /// struct User {
    ///     #[column(id)]
    ///     id: u64,
    ///     age: Option<u8>,
    /// }
    ///
    /// let mut event = DirtyEvent::new("users", 7u64, FlushType::Update);
    /// event.changes.push(ColumnChange::new("age", Param::null(), Param::new('u', "18")));
    /// assert_eq!(event.change(User::AGE)?, Some((None, Some(18))));
    ///
    /// event.changes[0].new = Param::new('u', "256");
    /// assert!(event.change(User::AGE).unwrap_err().is_value());
    /// # Ok::<(), headwater::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A [`Value`](crate::ErrorKind::Value) error when the event is of another table or a value does not
    /// fit the column.
    pub fn change<E: Table, T: ColumnType>(&self, column: Column<E, T>) -> Result<Option<(T, T)>> {
        let def = column.def();
        match self.values_of(def)? {
            Some((old, new)) => Ok(Some((T::decode(old, def)?, T::decode(new, def)?))),
            None => Ok(None),
        }
    }

    /// The change of the column with this database name, as it was written; `None` when it did not change.
    ///
    /// ```
    /// use headwater::prelude::*;
    /// use headwater::stream::DirtyEvent;
    ///
    /// assert!(DirtyEvent::new("users", 7u64, FlushType::Insert).change_of("age").is_none());
    /// ```
    pub fn change_of(&self, column: &str) -> Option<&ColumnChange> {
        self.changes.iter().find(|change| change.column == column)
    }

    /// As [`change`](DirtyEvent::change), for a column that is known at run time only: its values as the
    /// column stores them.
    ///
    /// ```no_run
    /// # use headwater::prelude::*;
    /// # fn example<User: Table>(event: headwater::stream::DirtyEvent) -> headwater::Result<()> {
    /// for column in User::TABLE.columns {
    ///     if let Some((old, new)) = event.values_of(column)? {
    ///         println!("{}: {old} -> {new}", column.name);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`change`](DirtyEvent::change).
    pub fn values_of(&self, column: &'static ColumnDef) -> Result<Option<(Value, Value)>> {
        self.check_table(column)?;
        let Some(change) = self.change_of(column.name) else {
            return Ok(None);
        };
        // Go garbles new values only.
        let old = wire::value_for(&change.old, column, false)?;
        let new = wire::value_for(&change.new, column, self.go_keys)?;
        Ok(Some((old, new)))
    }

    /// As [`from_bytes`](DirtyEvent::from_bytes) for an entry that has an event id, which FluxaORM's have
    /// not: it was written by headwater, which garbles nothing, so a text `{abc true}` means itself.
    pub(crate) fn from_own_bytes(bytes: &[u8]) -> Result<Self> {
        let mut event = DirtyEvent::from_bytes(bytes)?;
        event.go_keys = false;
        Ok(event)
    }

    fn check_table(&self, column: &ColumnDef) -> Result<()> {
        if self.entity_type == column.table {
            return Ok(());
        }
        let found = Value::Text(self.entity_type.clone());
        Err(column.misfit(&found, "the event is of another table"))
    }
}

impl PartialEq for DirtyEvent {
    fn eq(&self, other: &Self) -> bool {
        self.entity_type == other.entity_type
            && self.entity_id == other.entity_id
            && self.flush_type == other.flush_type
            && self.changes == other.changes
    }
}
impl Eq for DirtyEvent {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::fixture::User;
    use crate::stream::param::Param;

    fn event(column: &str, old: Param, new: Param) -> DirtyEvent {
        let mut event = DirtyEvent::new("UserEntity", 7u64, FlushType::Update);
        event.changes.push(ColumnChange::new(column, old, new));
        event
    }

    #[test]
    fn a_change_is_typed_by_its_column() {
        let aged = event("OrAge", Param::null(), Param::new('u', "18"));
        assert_eq!(aged.change(User::OR_AGE).unwrap(), Some((None, Some(18))));
        assert_eq!(aged.change(User::NAME).unwrap(), None);
        assert!(aged.is_of::<User>());
        assert_eq!(aged.key::<User>().unwrap(), 7);
    }

    #[test]
    fn what_does_not_fit_the_column_is_an_error_that_names_it() {
        let old = event("OrAge", Param::new('u', "256"), Param::null());
        let error = old.change(User::OR_AGE).unwrap_err().to_string();
        assert!(error.contains("UserEntity.OrAge") && error.contains("256"), "{error}");
        for (old, new) in [
            (Param::null(), Param::new('s', "Ana")),
            (Param::new('s', [0xff]), Param::new('s', "Ana")),
            (Param::new('u', "1"), Param::new('s', "Ana")),
        ] {
            let error = event("Name", old, new).change(User::NAME).unwrap_err();
            assert!(error.is_value(), "{error}");
        }
    }

    #[test]
    fn an_event_of_another_table_answers_no_column() {
        let mut other = event("Name", Param::new('s', "a"), Param::new('s', "b"));
        other.entity_type = "PostEntity".into();
        let error = other.change(User::NAME).unwrap_err().to_string();
        assert!(
            error.contains("another table") && error.contains("PostEntity"),
            "{error}"
        );
        assert!(other.key::<User>().is_err());
    }

    #[test]
    fn a_key_must_fit_the_tables_type() {
        for id in [
            EntityId::from(u64::MAX),
            EntityId::from(-1i64),
            EntityId::from("7x"),
            EntityId::from(0u64),
        ] {
            let error = DirtyEvent::new("UserEntity", id, FlushType::Insert)
                .key::<User>()
                .unwrap_err();
            assert!(error.is_value(), "{error}");
        }
    }

    #[test]
    fn text_that_go_garbled_is_mended_only_where_go_may_have_written_it() {
        let garbled = event("OrName", Param::new('s', "{abc true}"), Param::new('s', "{abc true}"));
        let literal = Some("{abc true}".to_owned());
        let go = garbled.to_bytes(Wire::FluxaOrm).unwrap();
        let read = |event: DirtyEvent| event.change(User::OR_NAME).unwrap().unwrap();
        let from_go = DirtyEvent::from_bytes(&go).unwrap();
        assert_eq!(read(from_go), (literal.clone(), Some("abc".into())));
        let from_us = DirtyEvent::from_own_bytes(&go).unwrap();
        assert_eq!(read(from_us), (literal.clone(), literal.clone()));
        let documented = garbled.to_bytes(Wire::Documented).unwrap();
        let documented = DirtyEvent::from_bytes(&documented).unwrap();
        assert_eq!(read(documented), (literal.clone(), literal));
    }
}
