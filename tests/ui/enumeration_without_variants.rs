use headwater::prelude::*;

#[derive(Clone, Copy, PartialEq, Eq, Enumeration)]
enum Status {}

fn main() {}
