//! A blocking ORM for MySQL and MariaDB whose entity changes become Redis Stream events.
//!
//! A struct derives [`Table`] and implements [`Entity`], whose hook methods all have default bodies. A
//! [`Session`] finds what changed by comparing with snapshots; [`flush`](Session::flush) runs the fewest
//! statements, commits them, runs the past-tense hooks and hands one event for each change and stream to a
//! background sender, which writes them to Redis Streams for other services to consume.
//!
//! ```no_run
//! use headwater::prelude::*;
//! use std::time::Duration;
//!
//! pub const USERS: Stream = Stream::new("UserStream");
//! pub const USER_STATUS: Stream = Stream::new("UserStatusStream");
//!
//! #[derive(Debug, Clone, Default, Table)]
//! #[table(name = "users", stream(USERS), stream(USER_STATUS, on = "ID"))]
//! pub struct User {
//!     #[column(id)]
//!     pub id: u64,
//!     #[column(length = 100)]
//!     pub name: String,
//!     #[column(unique)]
//!     pub email: String,
//!     #[column(triggers(USER_STATUS))]
//!     pub status: Status,
//!     pub age: Option<u8>,
//! }
//!
//! #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
//! pub enum Status { #[default] Active, Banned }
//!
//! impl Entity for User {
//!     fn saving(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
//!         self.email = self.email.trim().to_lowercase();
//!         if hook.is_dirty(User::EMAIL) && !self.email.contains('@') {
//!             return Err("an e-mail address needs an @".into());
//!         }
//!         Ok(())
//!     }
//!     fn updated(&self, change: &Committed<'_, Self>) {
//!         if let Some((old, new)) = change.of(User::STATUS) { println!("{old:?} -> {new:?}"); }
//!     }
//! }
//!
//! fn main() -> headwater::Result<()> {
//!     let engine = Engine::builder()
//!         .mysql("mysql://app@localhost/shop")
//!         .redis("redis://localhost")
//!         .entity::<User>()
//!         .build()?;
//!     engine.schema().diff()?.apply()?;
//!
//!     let mut session = engine.session();
//!     let ana = session.insert(User { name: "Ana".into(), email: "Ana@x.org".into(), ..User::default() });
//!     session.flush()?;
//!     session[ana].status = Status::Banned;
//!     session.flush()?;
//!
//!     engine.consumer(&USER_STATUS).single()?.consume(100, Duration::from_secs(5), |events| {
//!         for event in events {
//!             let dirty = event.dirty()?;
//!             println!("{} {} {:?}", dirty.entity_type, dirty.entity_id, dirty.flush_type);
//!             if let Some((old, new)) = dirty.change(User::STATUS)? { println!("{old:?} -> {new:?}"); }
//!         }
//!         Ok(())
//!     })?;
//!     engine.close(Duration::from_secs(5))
//! }
//! ```
//!
//! # Features
//!
//! * `chrono` (on): dates and times of chrono as columns.
//! * `uuid`: `Uuid` columns and keys (version 7).
//! * `decimal`: `Decimal` columns of rust_decimal.
//! * `json`: any serde type as a JSON column.
//! * `tls`: TLS to MySQL and Redis through rustls.
//! * `r2d2_redis`: Redis through a pool of `r2d2_redis` 0.14 that the application has already.
//! * `failpoints`: tells a crash test of each [`step`]; not for production.
#![forbid(unsafe_code)]

// The derives write `::headwater::…`; this makes them work inside the crate as well.
extern crate self as headwater;

pub mod engine;
pub mod entity;
pub mod error;
pub mod mysql;
pub mod query;
pub mod redis;
mod runtime;
pub mod schema;
pub mod session;
pub mod step;
pub mod stream;
pub mod table;

pub use engine::{Engine, EngineBuilder};
pub use entity::{Entity, HookResult};
pub use error::{Error, ErrorKind, Result};
pub use headwater_derive::{Enumeration, Table};
pub use session::{Committed, FlushReport, Hook, Session};
pub use stream::Stream;
pub use table::{Enumeration, Handle, Ref, Table};

/// What a program that uses the crate wants in scope: `use headwater::prelude::*;`.
pub mod prelude {
    pub use crate::engine::Engine;
    pub use crate::entity::{Entity, HookResult};
    pub use crate::query::Condition;
    pub use crate::session::{Committed, FlushReport, Hook, Operation, Session};
    pub use crate::stream::{DirtyEvent, FlushType, Stream, Wire};
    pub use crate::table::{Column, Handle, Ref, Set};
    // The traits and the derives of the same name.
    pub use crate::{Enumeration, Table};
}

/// What the derives use; no part of the public API and free to change in any release.
#[doc(hidden)]
pub mod __private {
    pub use crate::engine::send;
    pub use crate::error::Result;
    pub use crate::stream::{Operations, Publication, Publish, Stream, pack_event};
    #[cfg(feature = "json")]
    pub use crate::table::Json;
    pub use crate::table::private::*;
    pub use crate::table::{
        Column, ColumnDef, ColumnSet, ColumnType, DefaultValue, Enumeration, IndexDef, OnDelete, RawHandle, Reference,
        Row, Set, SqlType, StoredAs, Table, TableDef, Value, ValueRef,
    };
    pub use std::sync::OnceLock;
}
