use headwater::prelude::*;

use chrono::{DateTime, Utc};

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(created_at, updated_at)]
    at: DateTime<Utc>,
}

fn main() {}
