use headwater::prelude::*;

#[derive(Clone, Copy, PartialEq, Eq, Enumeration)]
enum Status {
    #[enumeration(name = "")]
    Empty,
    #[enumeration(name = "a,b")]
    Comma,
    #[enumeration(name = "open ")]
    Space,
}

fn main() {}
