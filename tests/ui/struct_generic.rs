use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post<T> {
    #[column(id)]
    id: u64,
    value: T,
}

fn main() {}
