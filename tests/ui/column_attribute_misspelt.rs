use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(lenght = 100)]
    title: String,
    #[column(uniqe)]
    slug: String,
}

fn main() {}
