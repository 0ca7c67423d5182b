use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(dirty_stream = "PostStream, PostStream//I")]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
