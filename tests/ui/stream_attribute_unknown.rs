use headwater::prelude::*;

const POSTS: Stream = Stream::new("PostStream");
const AUDIT: Stream = Stream::new("AuditStream");

#[derive(Clone, Table)]
#[table(stream(POSTS, pool = "second"), stream(AUDIT, operations = "I"))]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
