use headwater::prelude::*;

type Maybe = Option<u32>;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    likes: Option<Maybe>,
}

fn main() {}
