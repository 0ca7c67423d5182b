use headwater::prelude::*;

use chrono::{DateTime, Utc};

#[derive(Clone, Table)]
#[table(soft_delete)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(deleted_at)]
    deleted: DateTime<Utc>,
}

fn main() {}
