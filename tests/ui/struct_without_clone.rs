use headwater::prelude::*;

#[derive(Table)]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
