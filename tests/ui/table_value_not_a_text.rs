use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(name = posts)]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
