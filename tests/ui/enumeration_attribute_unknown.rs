use headwater::prelude::*;

#[derive(Clone, Copy, PartialEq, Eq, Enumeration)]
#[enumeration(renameall = "snake_case")]
enum Status {
    #[enumeration(rename = "open")]
    Open,
    #[enumeration(rename_all = "snake_case")]
    Closed,
}

fn main() {}
