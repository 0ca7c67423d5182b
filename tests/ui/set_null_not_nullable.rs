use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(references(on_delete = "set_null"))]
    author: Ref<Post>,
}

fn main() {}
