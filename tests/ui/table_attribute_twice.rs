use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(name = "posts")]
#[table(name = "post")]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
