use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(index = "PRIMARY")]
    slug: String,
}

fn main() {}
