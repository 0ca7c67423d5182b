use headwater::prelude::*;

#[derive(PartialEq, Eq, Enumeration)]
enum Status {
    Open,
}

fn main() {}
