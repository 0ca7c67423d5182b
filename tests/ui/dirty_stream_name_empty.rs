use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(dirty_stream = "PostStream,,AuditStream")]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
