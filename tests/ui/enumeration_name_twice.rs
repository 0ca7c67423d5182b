use headwater::prelude::*;

#[derive(Clone, Copy, PartialEq, Eq, Enumeration)]
enum Status {
    Open,
    #[enumeration(name = "OPEN")]
    Opened,
}

fn main() {}
