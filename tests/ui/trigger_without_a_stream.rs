use headwater::prelude::*;

const POSTS: Stream = Stream::new("PostStream");

#[derive(Clone, Table)]
#[table(stream(POSTS))]
struct Post {
    #[column(id)]
    id: u64,
    #[column(triggers)]
    title: String,
    #[column(triggers("PostStream"))]
    slug: String,
    #[column(triggers(POSTS, POSTS))]
    body: String,
}

fn main() {}
