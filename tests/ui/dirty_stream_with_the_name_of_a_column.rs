use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(dirty_stream = "Title")]
struct Post {
    #[column(id)]
    id: u64,
    title: String,
}

fn main() {}
