use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    tags: Vec<String>,
    at: std::time::Instant,
}

fn main() {}
