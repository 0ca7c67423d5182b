use headwater::prelude::*;

#[derive(Debug, Clone, Default, Table)]
struct User {
    #[column(id)]
    id: u64,
    email: String,
    age: Option<u8>,
}

#[derive(Debug, Clone, Default, Table)]
struct Post {
    #[column(id)]
    id: u64,
    title: String,
}

impl Entity for User {
    fn saving(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        if hook.is_dirty(Post::TITLE) {}
        Ok(())
    }
}

fn main() {}
