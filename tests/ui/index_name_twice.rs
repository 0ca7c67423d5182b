use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(index(unique, name = "IX_TITLE", id))]
struct Post {
    #[column(id)]
    id: u64,
    #[column(index)]
    title: String,
    #[column(unique = "ix_title")]
    slug: String,
}

fn main() {}
