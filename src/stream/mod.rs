//! Streams: declaration and decision, events and their wire format, sender, outbox, consumer.

mod declaration;

pub use declaration::{Operations, Publication, Publish, Stream, Wire};
