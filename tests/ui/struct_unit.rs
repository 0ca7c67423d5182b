use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post;

fn main() {}
