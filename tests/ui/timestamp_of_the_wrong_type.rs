use headwater::prelude::*;

use chrono::NaiveDate;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(created_at)]
    created: u64,
    #[column(updated_at)]
    updated: NaiveDate,
}

fn main() {}
