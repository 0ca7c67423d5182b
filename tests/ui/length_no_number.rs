use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(length = "10")]
    title: String,
    #[column(length = 0)]
    body: String,
    #[column(length = all)]
    slug: String,
}

fn main() {}
