use headwater::prelude::*;

#[derive(Clone, Table)]
struct Post(#[column(id)] u64, String);

fn main() {}
