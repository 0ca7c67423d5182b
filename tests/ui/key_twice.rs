use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(id)]
    other: u64,
}

fn main() {}
