use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id, length = 800)]
    key: String,
}

fn main() {}
