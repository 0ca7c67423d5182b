use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(length = 10, skip)]
    title: String,
    #[column(skip, unique)]
    slug: String,
}

fn main() {}
