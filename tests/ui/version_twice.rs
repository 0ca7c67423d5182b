use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(version)]
    lock: u32,
    #[column(version)]
    revision: u32,
}

fn main() {}
