use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(name = "posts", engine = "InnoDB")]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
