//! Streams: declaration and decision, events and their wire format, sender, outbox, consumer.

mod column_change;
mod decide;
mod declaration;
mod entity_id;
mod event;
#[cfg(test)]
mod fixture;
mod param;
pub(crate) mod wire;

pub use column_change::ColumnChange;
#[allow(unused_imports, reason = "the session calls it when it has committed")]
pub(crate) use decide::publishes;
pub use decide::{DIRTY_STREAM_DELETE, DIRTY_STREAM_INSERT, DIRTY_STREAM_UPDATE, FlushType};
pub use declaration::{Operations, Publication, Publish, Stream, Wire};
pub use entity_id::EntityId;
pub use event::DirtyEvent;
pub use param::Param;
