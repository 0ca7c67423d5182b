use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(version)]
    #[column(id)]
    id: u64,
}

fn main() {}
