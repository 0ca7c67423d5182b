//! What people do with hooks, each written as a user would: audit log, transformation, validation, protection,
//! cascade, notification, cache.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use common::{database, rows};
use headwater::prelude::*;

/// Notifications and a cache, by the database of the test: tests run side by side.
static SENT: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());
static CACHE: LazyLock<Mutex<HashMap<(String, u64), String>>> = LazyLock::new(Mutex::default);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enumeration)]
enum Status {
    #[default]
    Active,
    Banned,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "users")]
struct User {
    #[column(id)]
    id: u64,
    owner: String,
    name: String,
    #[column(unique, length = 60)]
    user_name: String,
    #[column(length = 100)]
    email: String,
    status: Status,
    admin: bool,
    posts: u32,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "posts")]
struct Post {
    #[column(id)]
    id: u64,
    #[column(references)]
    author: Ref<User>,
    title: String,
}

#[derive(Debug, Clone, Default, Table)]
#[table(name = "audit")]
struct Audit {
    #[column(id)]
    id: u64,
    about: Ref<User>,
    text: String,
}
impl Entity for Audit {}

impl Entity for User {
    fn saving(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        // Transformation and validation.
        self.email = self.email.trim().to_lowercase();
        if hook.is_dirty(User::EMAIL) && !self.email.contains('@') {
            return Err("an e-mail address needs an @".into());
        }
        Ok(())
    }

    fn creating(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        // A user name made from the name, with a number where it is taken.
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
        let about = hook.handle();
        hook.session().insert(Audit {
            about: about.into(),
            text: format!("created {}", self.user_name),
            ..Audit::default()
        });
        Ok(())
    }

    fn updating(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        if hook.is_dirty(User::EMAIL) {
            let before = hook.original(User::EMAIL).unwrap_or_default();
            return Err(format!("the e-mail address cannot be changed from {before}").into());
        }
        let changes: Vec<String> = hook
            .changes()
            .iter()
            .map(|c| format!("{}: {} -> {}", c.column, c.old, c.new))
            .collect();
        let about = hook.handle();
        hook.session().insert(Audit {
            about: about.into(),
            text: changes.join("; "),
            ..Audit::default()
        });
        Ok(())
    }

    fn deleting(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        if self.admin {
            return Err("an administrator cannot be deleted".into());
        }
        // Posts first, each with its own hooks; the database has a foreign key.
        for post in hook.session().query::<Post>().filter(Post::AUTHOR.eq(self.id)).all()? {
            hook.session().delete(post)?;
        }
        Ok(())
    }

    fn updated(&self, change: &Committed<'_, Self>) {
        if let Some((old, new)) = change.of(User::STATUS) {
            SENT.lock()
                .unwrap()
                .push((self.owner.clone(), format!("{}: {old:?} -> {new:?}", self.user_name)));
        }
    }

    fn saved(&self, change: &Committed<'_, Self>) {
        // Whoever reads next finds the committed row.
        CACHE.lock().unwrap().remove(&(self.owner.clone(), *change.key()));
    }
}

impl Entity for Post {
    fn creating(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        count_posts(hook, &self.author, 1)
    }

    fn deleting(&mut self, hook: &mut Hook<'_, Self>) -> HookResult {
        let author = self.author;
        match count_posts(hook, &author, -1) {
            // The author's own hook is running: the author goes with the post.
            Err(_) => Ok(()),
            ok => ok,
        }
    }
}

/// Keeps the author's number of posts right.
fn count_posts(hook: &mut Hook<'_, Post>, author: &Ref<User>, by: i32) -> HookResult {
    if let Some(author) = hook.session().load(author)? {
        let user = hook.session().get_mut(author)?;
        user.posts = user.posts.saturating_add_signed(by);
    }
    Ok(())
}

fn engine() -> (headwater_testkit::Database, Engine) {
    let (database, builder) = database();
    let engine = builder
        .entity::<User>()
        .entity::<Post>()
        .entity::<Audit>()
        .build()
        .unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    (database, engine)
}

fn user(database: &headwater_testkit::Database, name: &str) -> User {
    let email = format!(" {}@X.org ", name.replace(' ', ""));
    User {
        owner: database.name().into(),
        name: name.into(),
        email,
        ..User::default()
    }
}

#[test]
fn data_is_transformed_and_a_user_name_is_made() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let first = session.insert(user(&database, "Ana Lee"));
    session.flush().unwrap();
    let second = session.insert(user(&database, "Ana Lee"));
    session.flush().unwrap();
    assert_eq!(
        (session[first].user_name.as_str(), session[first].email.as_str()),
        ("ana.lee", "analee@x.org")
    );
    assert_eq!(session[second].user_name, "ana.lee2");
}

#[test]
fn a_wrong_value_is_refused_before_any_statement() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let good = session.insert(user(&database, "Ana"));
    let bad = session.insert(User {
        email: "nowhere".into(),
        ..user(&database, "Bob")
    });
    let log = database.record().unwrap();
    let error = session.flush().unwrap_err();
    assert!(error.is_rejected());
    assert_eq!(
        error.to_string(),
        "users (new): refused by `saving`: an e-mail address needs an @"
    );
    assert!(
        log.executed().unwrap().iter().all(|s| s.starts_with("SELECT")),
        "no statement that writes"
    );
    assert_eq!(session[good].id, 0);
    session[bad].email = "bob@x.org".into();
    session.flush().unwrap();
    assert_eq!(rows(&database, "SELECT COUNT(*) FROM users"), [["2"]]);
}

#[test]
fn an_email_cannot_be_changed_and_an_admin_not_deleted() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(User {
        admin: true,
        ..user(&database, "Ana")
    });
    session.flush().unwrap();
    session[ana].email = "other@x.org".into();
    let error = session.flush().unwrap_err();
    assert_eq!(
        error.to_string(),
        "users 1: refused by `updating`: the e-mail address cannot be changed from ana@x.org"
    );
    session.refresh(ana).unwrap();
    session.delete(ana).unwrap();
    let error = session.flush().unwrap_err();
    assert!(
        error.to_string().contains("an administrator cannot be deleted"),
        "{error}"
    );
    assert_eq!(rows(&database, "SELECT email FROM users"), [["ana@x.org"]]);
}

#[test]
fn every_change_is_written_to_the_audit_log_with_it() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(user(&database, "Ana"));
    session.flush().unwrap();
    session[ana].status = Status::Banned;
    session[ana].name = "Anna".into();
    session.flush().unwrap();
    assert_eq!(
        rows(&database, "SELECT about, text FROM audit ORDER BY id"),
        [
            ["1", "created ana"],
            ["1", "name: \"Ana\" -> \"Anna\"; status: \"Active\" -> \"Banned\""]
        ]
    );
}

#[test]
fn deleting_a_user_deletes_the_posts_first() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(user(&database, "Ana"));
    let bob = session.insert(user(&database, "Bob"));
    session.flush().unwrap();
    for n in 0..5 {
        session.insert(Post {
            author: if n < 3 { ana.into() } else { bob.into() },
            title: format!("post {n}"),
            ..Post::default()
        });
    }
    session.flush().unwrap();
    assert_eq!(
        rows(&database, "SELECT user_name, posts FROM users ORDER BY id"),
        [["ana", "3"], ["bob", "2"]]
    );
    session.delete(ana).unwrap();
    let report = session.flush().unwrap();
    assert_eq!(report.deleted, 4);
    assert_eq!(
        rows(&database, "SELECT title FROM posts ORDER BY id"),
        [["post 3"], ["post 4"]]
    );
    assert_eq!(rows(&database, "SELECT user_name FROM users"), [["bob"]]);
}

#[test]
fn a_changed_status_is_told_and_the_cache_forgets() {
    let (database, engine) = engine();
    let mut session = engine.session();
    let ana = session.insert(user(&database, "Ana"));
    session.flush().unwrap();
    let key = (database.name().to_owned(), 1);
    CACHE.lock().unwrap().insert(key.clone(), "old".into());
    session[ana].status = Status::Banned;
    session.flush().unwrap();
    session[ana].name = "Anna".into();
    session.flush().unwrap();
    let sent = SENT.lock().unwrap();
    let mine: Vec<&str> = sent
        .iter()
        .filter(|(owner, _)| owner == database.name())
        .map(|(_, text)| text.as_str())
        .collect();
    assert_eq!(mine, ["ana: Active -> Banned"]);
    assert!(!CACHE.lock().unwrap().contains_key(&key));
}
