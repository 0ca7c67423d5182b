use headwater::prelude::*;

#[derive(Clone, Copy, PartialEq, Eq, Enumeration)]
enum Status {
    Open,
    Closed,
}

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(default = "many")]
    likes: u32,
    #[column(default = 256)]
    stars: u8,
    #[column(default = -1)]
    views: u64,
    #[column(default = "Draft")]
    status: Status,
}

fn main() {}
