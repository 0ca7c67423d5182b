use headwater::prelude::*;

#[derive(Clone, Table)]
#[column(unique)]
struct Post {
    #[column(id)]
    id: u64,
    #[table(name = "headline")]
    title: String,
}

fn main() {}
