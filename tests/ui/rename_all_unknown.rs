use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(rename_all = "snake-case")]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
