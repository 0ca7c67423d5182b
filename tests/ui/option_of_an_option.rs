use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    likes: Option<Option<u32>>,
}

fn main() {}
