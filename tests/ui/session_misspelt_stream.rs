use headwater::prelude::*;

#[derive(Debug, Clone, Default, Table)]
struct User {
    #[column(id)]
    id: u64,
    email: String,
    age: Option<u8>,
}

impl Entity for User {}

const USERS: Stream = Stream::new("UserStream");

fn consume(engine: &Engine) {
    let _ = engine.consumer(&USRES);
}

fn main() {}
