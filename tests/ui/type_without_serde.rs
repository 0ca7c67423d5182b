use headwater::prelude::*;

#[derive(Clone)]
struct Place;

#[derive(Clone, Table)]
struct Post {
    #[column(id)]
    id: u64,
    #[column(json)]
    place: Place,
}

fn main() {}
