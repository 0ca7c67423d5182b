use headwater::prelude::*;

#[derive(Debug, Clone, Default, Table)]
struct User {
    #[column(id)]
    id: u64,
    email: String,
    age: Option<u8>,
}

impl Entity for User {
    fn saving(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        hook.session().flush()?;
        Ok(())
    }
}

fn main() {}
