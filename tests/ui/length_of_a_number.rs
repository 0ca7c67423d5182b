use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(length = 10)]
    likes: u32,
}

fn main() {}
