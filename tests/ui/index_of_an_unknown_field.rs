use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(index(titel), index(id, author))]
struct Post {
    #[column(id)]
    id: u64,
    title: String,
}

fn main() {}
