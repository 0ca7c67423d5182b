use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    title: String,
}

fn main() {
    let _ = Post::TITEL;
}
