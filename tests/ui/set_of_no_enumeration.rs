use headwater::prelude::*;

#[derive(Clone)]
enum Status {
    Open,
}

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(set)]
    tags: Vec<String>,
    #[column(set)]
    status: Option<Vec<Status>>,
}

fn main() {}
