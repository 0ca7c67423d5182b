use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(dirty_stream = "PostStream/second/I/D")]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
