use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(index(cache))]
struct Post {
    #[column(id)]
    id: u64,
    #[column(skip)]
    cache: u8,
}

fn main() {}
