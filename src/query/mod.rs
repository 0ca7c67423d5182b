//! Queries: typed conditions and orders made from columns, and the SELECTs they become.
//!
//! Conditions and texts only; `session/find.rs` runs them.

mod condition;
mod order;
mod select;

pub use condition::Condition;
pub use order::Order;
pub(crate) use select::{Lock, Scope, Select, by_keys};
