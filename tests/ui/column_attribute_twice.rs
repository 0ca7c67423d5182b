use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(length = 10, length = 20)]
    title: String,
}

fn main() {}
