use headwater::prelude::*;

const POSTS: &str = "PostStream";

#[derive(Clone, Table)]
#[table(stream(POSTS), stream(MISSING))]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
