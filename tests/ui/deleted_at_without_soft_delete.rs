use headwater::prelude::*;

use chrono::{DateTime, Utc};

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(deleted_at)]
    deleted: Option<DateTime<Utc>>,
}

fn main() {}
