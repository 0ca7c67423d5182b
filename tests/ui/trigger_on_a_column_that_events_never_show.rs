use headwater::prelude::*;

const POSTS: Stream = Stream::new("PostStream");

#[derive(Clone, Table)]
#[table(stream(POSTS))]
struct Post {
    #[column(id)]
    id: u64,
    #[column(version, triggers(POSTS))]
    lock: u32,
}

fn main() {}
