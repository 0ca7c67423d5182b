use headwater::prelude::*;

#[derive(Debug, Clone, Default, Table)]
struct User {
    #[column(id)]
    id: u64,
    email: String,
    age: Option<u8>,
}

impl Entity for User {}

fn share(session: &Session) {
    std::thread::scope(|scope| {
        scope.spawn(|| session.len());
    });
}

fn main() {}
