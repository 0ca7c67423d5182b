use headwater::prelude::*;

#[derive(Clone)]
struct User;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    author: Ref<User>,
}

fn main() {}
