//! The tables of the run: with background streams, with durable ones, and with some of either.

use chrono::NaiveDateTime;
use headwater::engine::EngineBuilder;
use headwater::prelude::*;

/// What the work needs to know of a table.
pub(crate) trait Row: Entity {
    /// A delete only marks the row.
    const SOFT: bool;

    /// A new row.
    fn new(op: String, bucket: u32, level: i32) -> Self;
    /// The unit of work that last changed the row.
    fn op(&self) -> &str;
    fn set_op(&mut self, op: &str);
    /// The column whose change triggers streams.
    fn set_level(&mut self, level: i32);
    /// The column that triggers nothing.
    fn add(&mut self, amount: i64);
    /// Whether a soft delete has marked it.
    fn is_gone(&self) -> bool;
    /// The rows of a bucket.
    fn in_bucket(bucket: u32) -> Condition<Self>;
}

/// The three tables in one way of delivery.
pub(crate) trait Tables: Send {
    /// Two streams, and a version.
    type Order: Row;
    /// Soft delete, and no version: the last writer wins.
    type Note: Row;
    /// A text key, a version, and a stream that it shares with the notes.
    type Stock: Row;

    fn register(builder: EngineBuilder) -> EngineBuilder {
        builder
            .entity::<Self::Order>()
            .entity::<Self::Note>()
            .entity::<Self::Stock>()
    }
}

macro_rules! row {
    ($name:ident, soft = $soft:expr, gone = |$row:ident| $gone:expr) => {
        impl Entity for $name {}

        impl Row for $name {
            const SOFT: bool = $soft;

            fn new(op: String, bucket: u32, level: i32) -> Self {
                $name {
                    op,
                    bucket,
                    level,
                    ..$name::default()
                }
            }

            fn op(&self) -> &str {
                &self.op
            }

            fn set_op(&mut self, op: &str) {
                op.clone_into(&mut self.op);
            }

            fn set_level(&mut self, level: i32) {
                self.level = level;
            }

            fn add(&mut self, amount: i64) {
                self.amount = self.amount.wrapping_add(amount);
            }

            fn is_gone(&self) -> bool {
                let $row = self;
                $gone
            }

            fn in_bucket(bucket: u32) -> Condition<Self> {
                $name::BUCKET.eq(bucket)
            }
        }
    };
}

macro_rules! tables {
    ($mode:ident in $module:ident, orders: $orders:expr, journal: $journal:expr) => {
        mod $module {
            use super::*;

            const ORDERS: Stream = $orders(Stream::new("Orders"));
            const LEVELS: Stream = $orders(Stream::new("OrderLevels"));
            const JOURNAL: Stream = $journal(Stream::new("Journal"));

            #[derive(Debug, Clone, Default, Table)]
            #[table(name = "orders", stream(ORDERS), stream(LEVELS, on = "ID"))]
            pub(crate) struct Order {
                #[column(id)]
                id: u64,
                #[column(length = 60)]
                op: String,
                #[column(index)]
                bucket: u32,
                #[column(triggers(LEVELS))]
                level: i32,
                amount: i64,
                #[column(version)]
                version: u32,
            }
            row!(Order, soft = false, gone = |_row| false);

            #[derive(Debug, Clone, Default, Table)]
            #[table(name = "notes", stream(JOURNAL), soft_delete)]
            pub(crate) struct Note {
                #[column(id)]
                id: u64,
                #[column(length = 60)]
                op: String,
                #[column(index)]
                bucket: u32,
                level: i32,
                amount: i64,
                #[column(updated_at)]
                updated_at: NaiveDateTime,
                #[column(deleted_at)]
                deleted_at: Option<NaiveDateTime>,
            }
            row!(Note, soft = true, gone = |row| row.deleted_at.is_some());

            #[derive(Debug, Clone, Default, Table)]
            #[table(name = "stock", stream(JOURNAL, on = "D"))]
            pub(crate) struct Stock {
                #[column(id, length = 26)]
                id: String,
                #[column(length = 60)]
                op: String,
                #[column(index)]
                bucket: u32,
                #[column(triggers(JOURNAL))]
                level: i32,
                amount: i64,
                #[column(version)]
                version: u32,
            }
            row!(Stock, soft = false, gone = |_row| false);
        }

        #[derive(Debug)]
        pub(crate) struct $mode;

        impl Tables for $mode {
            type Order = $module::Order;
            type Note = $module::Note;
            type Stock = $module::Stock;
        }
    };
}

const fn in_memory(stream: Stream) -> Stream {
    stream
}

tables!(Background in background, orders: in_memory, journal: in_memory);
tables!(Durable in durable, orders: Stream::durable, journal: Stream::durable);
tables!(Queued in queued, orders: Stream::durable, journal: in_memory);
