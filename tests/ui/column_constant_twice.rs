use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    user_id: u64,
    userId: u64,
}

fn main() {}
