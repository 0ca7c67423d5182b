use headwater::prelude::*;

#[derive(Clone, Table)]
#[table = "posts"]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
