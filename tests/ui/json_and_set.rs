use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(json, set)]
    tags: Vec<String>,
    #[column(json, index)]
    more: Vec<String>,
}

fn main() {}
