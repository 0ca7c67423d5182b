use headwater::prelude::*;

const POSTS: Stream = Stream::new("PostStream");

#[derive(Clone, Table)]
#[table(stream(POSTS), stream(POSTS, on = "I"))]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
