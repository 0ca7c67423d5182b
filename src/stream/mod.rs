//! Streams: declaration and decision, events and their wire format, sender, outbox, consumer.

mod async_letters;
pub(crate) mod async_queue;
pub(crate) mod backoff;
pub(crate) mod broker;
mod column_change;
mod consumer;
mod dead_letter;
mod decide;
mod declaration;
mod delivery;
mod entity_id;
mod event;
mod event_kind;
#[cfg(test)]
mod fixture;
mod flat;
mod ids;
pub(crate) mod operation;
pub(crate) mod outbox;
mod outgoing;
mod param;
mod parcel;
mod retention;
mod sender;
mod shutdown;
mod statement;
pub(crate) mod stats;
pub(crate) mod wire;

pub use async_letters::{AsyncDeadLetters, AsyncLetter};
pub use broker::Flusher;
pub use column_change::ColumnChange;
pub use consumer::{Consumer, ConsumerBuilder, Event, HandlerResult};
pub use dead_letter::{DeadLetter, DeadLetters};
pub(crate) use decide::publishes;
pub use decide::{DIRTY_STREAM_DELETE, DIRTY_STREAM_INSERT, DIRTY_STREAM_UPDATE, FlushType};
pub use declaration::{Operations, Publication, Publish, Stream, Wire};
pub use delivery::{Delivery, DeliveryHandler, DeliveryPolicy, DeliveryProblem, FailedEvent, QueueFigures};
pub use entity_id::EntityId;
pub use event::DirtyEvent;
pub(crate) use event_kind::EventKind;
pub(crate) use flat::{Flat, Values};
pub(crate) use ids::Ids;
pub use outbox::{AsideRow, Backlog, Outbox, Relayed};
pub(crate) use outgoing::Outgoing;
pub use param::Param;
pub(crate) use parcel::{Facts, Parcel};
pub(crate) use sender::{Marked, Sender, SenderOptions, SpillTo};
pub use shutdown::Shutdown;
pub(crate) use statement::{operation_keys, touched_by};
pub use stats::{ConsumerStats, GroupStats, StreamStats};
#[doc(hidden)]
pub use wire::pack_event;
pub(crate) use wire::{EventRecord, write_event};
