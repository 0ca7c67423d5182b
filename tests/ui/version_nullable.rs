use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(version)]
    lock: Option<u32>,
}

fn main() {}
