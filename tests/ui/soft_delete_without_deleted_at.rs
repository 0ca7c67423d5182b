use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(name = "posts", soft_delete)]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
