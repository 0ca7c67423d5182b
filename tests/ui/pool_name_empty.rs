use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(mysql = "", redis = " ")]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
