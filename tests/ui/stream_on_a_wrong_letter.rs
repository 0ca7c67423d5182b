use headwater::prelude::*;

const POSTS: Stream = Stream::new("PostStream");
const AUDIT: Stream = Stream::new("AuditStream");

#[derive(Clone, Table)]
#[table(stream(POSTS, on = "IX"), stream(AUDIT, on = "DD"))]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
