//! A tour of hooks: validation, generated values, an audit log, protection, cascade, notification, cache.
//!
//! `cargo xtask demo hooks` runs it on private servers. Each part prints the code, what the hooks did and what
//! is in the database afterwards.

#[path = "support/servers.rs"]
mod servers;

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use headwater::prelude::*;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
enum Status {
    #[default]
    Active,
    Banned,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "hook_users")]
struct User {
    #[column(id)]
    id: u64,
    name: String,
    #[column(unique, length = 60)]
    user_name: String,
    #[column(length = 100)]
    email: String,
    status: Status,
    admin: bool,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "hook_posts")]
struct Post {
    #[column(id)]
    id: u64,
    #[column(references)]
    author: Ref<User>,
    title: String,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "hook_audit")]
struct Audit {
    #[column(id)]
    id: u64,
    text: String,
}
impl Entity for Audit {}

/// What some other part of the program has cached.
static CACHE: LazyLock<Mutex<HashMap<u64, String>>> = LazyLock::new(Mutex::default);

impl Entity for User {
    fn saving(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        self.email = self.email.trim().to_lowercase();
        if hook.is_dirty(User::EMAIL) && !self.email.contains('@') {
            return Err("an e-mail address needs an @".into());
        }
        Ok(())
    }

    fn creating(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        let base = self.name.to_lowercase().replace(' ', ".");
        let taken = hook
            .session()
            .query::<User>()
            .filter(User::USER_NAME.starts_with(&base))
            .count()?;
        self.user_name = if taken == 0 {
            base
        } else {
            format!("{base}{}", taken + 1)
        };
        let text = format!("created {}", self.user_name);
        hook.session().insert(Audit {
            text,
            ..Audit::default()
        });
        Ok(())
    }

    fn updating(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        if let Some(before) = hook.original(User::EMAIL).filter(|_| hook.is_dirty(User::EMAIL)) {
            return Err(format!("the e-mail address {before} cannot be changed").into());
        }
        let changes: Vec<String> = hook
            .changes()
            .iter()
            .map(|c| format!("{} {} -> {}", c.column, c.old, c.new))
            .collect();
        let text = format!("{}: {}", self.user_name, changes.join(", "));
        hook.session().insert(Audit {
            text,
            ..Audit::default()
        });
        Ok(())
    }

    fn deleting(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        if self.admin {
            return Err("an administrator cannot be deleted".into());
        }
        for post in hook.session().query::<Post>().filter(Post::AUTHOR.eq(self.id)).all()? {
            hook.session().delete(post)?;
        }
        Ok(())
    }

    fn updated(&self, change: &Committed<'_, Self>) {
        if let Some((old, new)) = change.of(User::STATUS) {
            println!("   mail    to {}: you were {old:?}, now you are {new:?}", self.email);
        }
    }

    fn saved(&self, change: &Committed<'_, Self>) {
        if CACHE.lock().is_ok_and(|mut cache| cache.remove(change.key()).is_some()) {
            println!("   cache   forgets user {}", change.key());
        }
    }
}

impl Entity for Post {}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let servers = servers::Urls::find()?;
    let engine = Engine::builder()
        .mysql(&servers.mysql)
        .entity::<User>()
        .entity::<Post>()
        .entity::<Audit>()
        .build()?;
    engine.schema().diff()?.apply()?;
    let mut session = engine.session();

    println!("\n== A name becomes a user name, an address is tidied up");
    let ana = session.insert(User {
        name: "Ana Lee".into(),
        email: " Ana@X.org ".into(),
        ..User::default()
    });
    println!("   flush   {}", session.flush()?);
    let twin = session.insert(User {
        name: "Ana Lee".into(),
        email: "twin@x.org".into(),
        admin: true,
        ..User::default()
    });
    println!("   flush   {}", session.flush()?);
    println!(
        "   now     {} <{}> and {}",
        session[ana].user_name, session[ana].email, session[twin].user_name
    );

    println!("\n== A wrong address is refused before any statement");
    let bad = session.insert(User {
        name: "Bob".into(),
        email: "nowhere".into(),
        ..User::default()
    });
    println!("   error   {}", refused(session.flush())?);
    session.delete(bad)?;

    println!("\n== A change of status is written to the audit log, told by mail, and the cache forgets");
    if let Ok(mut cache) = CACHE.lock() {
        cache.insert(session[ana].id, "Ana, as she was".into());
    }
    session[ana].status = Status::Banned;
    println!("   flush   {}", session.flush()?);

    println!("\n== An address cannot be changed");
    session[ana].email = "other@x.org".into();
    println!("   error   {}", refused(session.flush())?);
    session.refresh(ana)?;

    println!("\n== Deleting a user deletes the posts first");
    for n in 1..=3 {
        session.insert(Post {
            author: ana.into(),
            title: format!("Post {n}"),
            ..Post::default()
        });
    }
    println!("   flush   {}", session.flush()?);
    session.delete(ana)?;
    let report = session.flush()?;
    println!("   flush   {report}");
    if report.deleted != 4 || session.query::<Post>().exists()? {
        return Err("three posts and their author should be gone".into());
    }

    println!("\n== An administrator cannot be deleted");
    session.delete(twin)?;
    println!("   error   {}", refused(session.flush())?);

    println!("\n== The audit log");
    let entries = session.query::<Audit>().order_by(Audit::ID.asc()).fetch()?;
    for entry in &entries {
        println!("   {}. {}", entry.id, entry.text);
    }
    if entries.len() != 3 {
        return Err(format!("three entries were expected, not {}", entries.len()).into());
    }
    println!("\nAll as expected.");
    Ok(())
}

/// The refusal that was expected.
fn refused(outcome: headwater::Result<FlushReport>) -> Result<headwater::Error, String> {
    match outcome {
        Err(error) if error.is_rejected() => Ok(error),
        Err(error) => Err(format!("another error than a refusal: {error}")),
        Ok(report) => Err(format!("nothing was refused: {report}")),
    }
}
