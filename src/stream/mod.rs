//! Streams: declaration and decision, events and their wire format, sender, outbox, consumer.

mod backoff;
mod declaration;
mod delivery;
mod outgoing;
mod sender;

pub use declaration::{Operations, Publication, Publish, Stream, Wire};
pub use delivery::{Delivery, DeliveryHandler, DeliveryPolicy, DeliveryProblem, FailedEvent};
