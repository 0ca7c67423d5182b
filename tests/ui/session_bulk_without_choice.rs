use headwater::prelude::*;

#[derive(Debug, Clone, Default, Table)]
struct User {
    #[column(id)]
    id: u64,
    email: String,
    age: Option<u8>,
}

impl Entity for User {}

fn delete(session: &mut Session) -> headwater::Result<()> {
    session.delete_where(User::AGE.lt(18)).run()?;
    Ok(())
}

fn main() {}
