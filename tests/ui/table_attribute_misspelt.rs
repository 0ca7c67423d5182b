use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(nmae = "posts")]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
