use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(unique, version = 1)]
    lock: u32,
}

fn main() {}
