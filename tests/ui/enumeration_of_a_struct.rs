use headwater::prelude::*;

#[derive(Clone, Copy, PartialEq, Eq, Enumeration)]
struct Status {
    open: bool,
}

fn main() {}
