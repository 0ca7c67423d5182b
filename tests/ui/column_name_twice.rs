use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(name = "Title")]
    headline: String,
    title: String,
}

fn main() {}
