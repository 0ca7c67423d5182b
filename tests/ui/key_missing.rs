use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    title: String,
}

fn main() {}
