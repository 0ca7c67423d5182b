use headwater::prelude::*;

#[derive(Clone)]
struct Cache;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(skip)]
    cache: Cache,
}

fn main() {}
