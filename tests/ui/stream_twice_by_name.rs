use headwater::prelude::*;

const POSTS: Stream = Stream::new("PostStream");
const MORE: Stream = Stream::new("PostStream");

#[derive(Clone, Table)]
#[table(stream(POSTS), stream(MORE), dirty_stream = "Third,PostStream")]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
