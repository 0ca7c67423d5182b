use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(precision(10))]
    price: u8,
    #[column(precision)]
    rebate: u8,
}

fn main() {}
