use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(index(id, title))]
struct Post {
    #[column(id)]
    id: u64,
    #[column(length = max, unique)]
    body: String,
    #[column(length = 1000)]
    title: String,
    #[column(index)]
    blob: Vec<u8>,
}

fn main() {}
