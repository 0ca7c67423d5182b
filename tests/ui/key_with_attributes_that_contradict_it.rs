use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id, unique)]
    id: u64,
}

fn main() {}
