use headwater::prelude::*;

#[derive(Clone, Copy, PartialEq, Eq, Enumeration)]
enum Status {
    Open,
    Closed(u8),
}

fn main() {}
