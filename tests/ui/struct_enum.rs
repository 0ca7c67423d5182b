use headwater::prelude::*;

#[derive(Clone, Table)]
enum Post {
    Draft,
}

fn main() {}
