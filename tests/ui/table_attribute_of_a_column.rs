use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(name = "posts", unique)]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
