use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(dirty_stream = "PostStream")]
struct Post {
    #[column(id)]
    id: u64,
    #[column(dirty_stream = "PostStreem")]
    title: String,
    #[column(dirty_stream = "AuditStream")]
    slug: String,
}

fn main() {}
