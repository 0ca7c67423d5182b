use headwater::prelude::*;

use rust_decimal::Decimal;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(precision = 10)]
    price: Decimal,
    #[column(precision(2, 10))]
    rebate: Decimal,
}

fn main() {}
