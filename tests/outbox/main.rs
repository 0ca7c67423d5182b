//! The outbox: events of durable streams survive every crash, arrive once and in order.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "failpoints")]

#[path = "../common/mod.rs"]
mod common;
mod crashes;
mod faults;
mod ledger;
mod operation;
mod relays;
mod spill;
mod writing;
