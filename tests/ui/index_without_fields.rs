use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(index, index(), index(unique), index("title"))]
struct Post {
    #[column(id)]
    id: u64,
    title: String,
}

fn main() {}
