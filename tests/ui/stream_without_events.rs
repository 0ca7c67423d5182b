use headwater::prelude::*;

const POSTS: Stream = Stream::new("PostStream");

#[derive(Clone, Table)]
#[table(stream(POSTS, on = ""))]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
