use headwater::prelude::*;

const POSTS: Stream = Stream::new("PostStream");

mod other {
    pub const POSTS: headwater::Stream = headwater::Stream::new("OtherStream");
}

#[derive(Clone, Table)]
#[table(stream(POSTS))]
struct Post {
    #[column(id)]
    id: u64,
    #[column(triggers(other::POSTS))]
    title: String,
}

fn main() {}
