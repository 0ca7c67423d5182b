use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(stream("PostStream"), stream(), stream)]
struct Post {
    #[column(id)]
    id: u64,
}

fn main() {}
