use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(references(on_delete = "cascad"))]
    author: Ref<Post>,
    #[column(references(on_update = "cascade"))]
    editor: Ref<Post>,
    #[column(references = "users")]
    owner: Ref<Post>,
}

fn main() {}
