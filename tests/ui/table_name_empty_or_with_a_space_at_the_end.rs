use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(name = "")]
struct Post {
    #[column(id)]
    id: u64,
    #[column(name = "title ")]
    title: String,
}

fn main() {}
