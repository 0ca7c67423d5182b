use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(name = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
