use headwater::prelude::*;

#[derive(Clone, Table)]
#[table(index(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb))]
struct Post {
    #[column(id)]
    id: u64,
    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: u8,
    bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb: u8,
}

fn main() {}
