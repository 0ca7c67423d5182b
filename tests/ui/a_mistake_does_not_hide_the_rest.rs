use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(lenght = 100)]
    title: String,
    #[column(index = 1, unique)]
    slug: String,
}

// Nothing is said about these: what was understood of the table is there.
fn main() {
    let _ = (Post::TITLE.name(), Post::SLUG.name());
    let _: Ref<Post> = Ref::to(1);
}
