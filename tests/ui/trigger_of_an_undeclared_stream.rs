use headwater::prelude::*;

const POSTS: Stream = Stream::new("PostStream");
const AUDIT: Stream = Stream::new("AuditStream");

#[derive(Clone, Table)]
#[table(stream(POSTS))]
struct Post {
    #[column(id)]
    id: u64,
    #[column(triggers(AUDIT))]
    title: String,
}

fn main() {}
