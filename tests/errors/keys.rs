//! Keys and unique values: duplicates, keys that change, rows that others refer to.

use headwater::prelude::*;
use headwater::{Error, ErrorKind};

use crate::world::{World, names, note};

const USER_STREAM: Stream = Stream::new("UserStream");

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "users", stream(USER_STREAM), index(unique, name = "uq_seat", hall, seat))]
struct User {
    #[column(id)]
    id: u64,
    #[column(unique)]
    email: String,
    #[column(unique)]
    badge: Option<u32>,
    hall: u16,
    seat: u16,
}
impl Entity for User {
    fn saved(&self, _: &Committed<'_, Self>) {
        note(format!("saved users {}", self.email));
    }
    fn deleted(&self, _: &Committed<'_, Self>) {
        note(format!("deleted users {}", self.email));
    }
}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "posts", stream(USER_STREAM))]
struct Post {
    #[column(id)]
    id: u64,
    #[column(references)]
    author: Ref<User>,
}
impl Entity for Post {
    fn saved(&self, _: &Committed<'_, Self>) {
        note("saved posts".to_owned());
    }
}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "tokens", stream(USER_STREAM))]
struct Token {
    #[column(id, length = 30)]
    token: String,
    uses: u32,
}
impl Entity for Token {}

fn world() -> World {
    World::new(USER_STREAM, |builder| {
        builder.entity::<Post>().entity::<User>().entity::<Token>()
    })
}

fn user(n: u16) -> User {
    User {
        email: format!("user{n}@example.org"),
        badge: Some(u32::from(n)),
        hall: 1,
        seat: n,
        ..User::default()
    }
}

#[track_caller]
fn is_duplicate(error: &Error, of: &str, index: &str, value: &str) {
    let ErrorKind::DuplicateKey {
        table,
        index: at,
        value: told,
        ..
    } = error.kind()
    else {
        panic!("{error:#?}")
    };
    assert!(error.is_duplicate_key() && !error.is_retryable());
    assert_eq!((table.as_str(), at.as_str()), (of, index));
    assert!(told.contains(value), "{error}");
    names(error, &[of, &format!("`{index}`"), value]);
}

#[test]
fn a_duplicate_is_named_with_its_index_and_value() {
    let world = world();
    let mut session = world.engine.session();
    for n in 1..=3 {
        session.insert(user(n));
    }
    session.flush().unwrap();

    let new = session.insert(user(9));
    session[new].email = "user2@example.org".into();
    is_duplicate(&world.fails(&mut session), "users", "uq_email", "user2@example.org");
    assert_eq!(session[new].id, 0, "no key was taken");
    session[new].email = "user9@example.org".into();
    session[new].badge = Some(3);
    is_duplicate(&world.fails(&mut session), "users", "uq_badge", "3");
    session[new].badge = None;
    session[new].seat = 1;
    is_duplicate(&world.fails(&mut session), "users", "uq_seat", "1-1");
    session[new].seat = 9;
    session[new].id = 2;
    is_duplicate(&world.fails(&mut session), "users", "PRIMARY", "2");
    session[new].id = 0;
    assert_eq!(world.works(&mut session).inserted, 1);
    assert!(session[new].id > 3);
    assert_eq!(
        world.rows("SELECT badge, seat FROM users WHERE email = 'user9@example.org'"),
        ["NULL|9"]
    );
}

#[test]
fn a_duplicate_in_an_update_is_named_and_the_edit_stays() {
    let world = world();
    let mut session = world.engine.session();
    let users: Vec<_> = (1..=4).map(|n| session.insert(user(n))).collect();
    session.flush().unwrap();
    let mut other = world.engine.session();
    other.insert(user(7));
    other.flush().unwrap();

    // One row, by itself.
    session[users[0]].email = "USER7@example.org".into();
    is_duplicate(&world.fails(&mut session), "users", "uq_email", "7@example.org");
    assert_eq!(session[users[0]].email, "USER7@example.org");
    session[users[0]].email = "one@example.org".into();
    world.works(&mut session);

    // One of many rows of one statement: the others are not written either.
    for (n, &handle) in users.iter().enumerate() {
        session[handle].badge = Some(if n == 2 { 7 } else { 100 + n as u32 });
    }
    is_duplicate(&world.fails(&mut session), "users", "uq_badge", "7");
    assert_eq!(session[users[1]].badge, Some(101));
    session[users[2]].badge = Some(102);
    assert_eq!(world.works(&mut session).updated, 4);
    assert_eq!(
        world.rows("SELECT badge FROM users ORDER BY id"),
        ["100", "101", "102", "103", "7"]
    );
}

#[test]
fn one_duplicate_among_many_new_rows_takes_all_back() {
    let world = world();
    let mut session = world.engine.session();
    session.insert(user(50));
    session.flush().unwrap();
    let users: Vec<_> = (1..=99).map(|n| session.insert(user(n))).collect();
    is_duplicate(&world.fails(&mut session), "users", "uq_email", "user50@example.org");
    assert!(users.iter().all(|&handle| session[handle].id == 0));
    session.delete(users[49]).unwrap();
    assert_eq!(world.works(&mut session).inserted, 98);

    // Two new rows that collide with each other.
    let (a, b) = (session.insert(user(200)), session.insert(user(200)));
    is_duplicate(&world.fails(&mut session), "users", "uq_email", "user200@example.org");
    session[b].email = "user201@example.org".into();
    session[b].badge = Some(201);
    session[b].seat = 201;
    world.works(&mut session);
    assert_ne!(session[a].id, session[b].id);
}

#[test]
fn a_duplicate_text_key_is_named() {
    let world = world();
    let mut session = world.engine.session();
    let token = |text: &str| Token {
        token: text.into(),
        uses: 1,
    };
    session.insert(token("abc"));
    session.flush().unwrap();
    let again = session.insert(token("abc"));
    is_duplicate(&world.fails(&mut session), "tokens", "PRIMARY", "abc");
    session[again].token = "ABC".into();
    world.works(&mut session);
    assert_eq!(world.rows("SELECT token FROM tokens ORDER BY token"), ["ABC", "abc"]);
}

#[test]
fn the_key_of_a_stored_row_cannot_change() {
    let world = world();
    let mut session = world.engine.session();
    let ann = session.insert(user(1));
    let token = session.insert(Token {
        token: "abc".into(),
        uses: 1,
    });
    session.flush().unwrap();
    session[ann].id = 5;
    session[ann].seat = 77;
    let error = world.fails(&mut session);
    assert!(error.is_value(), "{error:#?}");
    names(&error, &["users.id", "cannot change", "it is 1", "value: 5"]);
    assert_eq!(
        session.find::<User>(1).unwrap(),
        Some(ann),
        "it is still found under its key"
    );
    session[ann].id = 1;
    assert_eq!(world.works(&mut session).updated, 1);
    session[token].token = "xyz".into();
    let error = world.fails(&mut session);
    names(&error, &["tokens.token", "it is abc", "xyz"]);
    session[token].token = "abc".into();
    session[token].uses = 2;
    world.works(&mut session);
    // A delete goes by the stored key.
    session[token].token = "xyz".into();
    session.delete(token).unwrap();
    assert_eq!(world.works(&mut session).deleted, 1);
    assert!(world.rows("SELECT * FROM tokens").is_empty());
}

#[test]
fn a_foreign_key_that_refuses_is_named_with_its_table() {
    let world = world();
    let mut session = world.engine.session();
    let ann = session.insert(user(1));
    let post = session.insert(Post {
        author: Ref::to(99),
        ..Post::default()
    });
    let error = world.fails(&mut session);
    assert!(error.is_foreign_key() && !error.is_retryable(), "{error:#?}");
    names(&error, &["posts", "author", "users"]);
    assert_eq!((session[ann].id, session[post].id), (0, 0));
    session[post].author = ann.into();
    assert_eq!(world.works(&mut session).inserted, 2);

    // A row that another still refers to; the other row was loaded by nobody here.
    let mut other = world.engine.session();
    let ann = other.find::<User>(1 + world.rows("SELECT MIN(id) - 1 FROM users")[0].parse::<u64>().unwrap());
    let ann = ann.unwrap().unwrap();
    other.delete(ann).unwrap();
    let error = world.fails(&mut other);
    assert!(error.is_foreign_key(), "{error:#?}");
    names(&error, &["users", "posts", "author"]);
    assert!(other.get(ann).is_ok());
    let post = other.query::<Post>().first().unwrap().unwrap();
    other.delete(post).unwrap();
    assert_eq!(world.works(&mut other).deleted, 2);
}

/// A key that the server counts beyond what the struct's type holds.
#[test]
fn a_generated_key_that_does_not_fit_is_told() {
    #[derive(Debug, Clone, Default, PartialEq, Table)]
    #[table(name = "small", stream(USER_STREAM))]
    struct Small {
        #[column(id)]
        id: u8,
        n: u32,
    }
    impl Entity for Small {}
    let world = World::new(USER_STREAM, |builder| builder.entity::<Small>());
    world.sql(&["ALTER TABLE small MODIFY id INT NOT NULL AUTO_INCREMENT, AUTO_INCREMENT = 255"]);
    let mut session = world.engine.session();
    let last = session.insert(Small::default());
    session.flush().unwrap();
    assert_eq!(session[last].id, 255);
    session.insert(Small::default());
    session[last].n = 1;
    let error = world.fails(&mut session);
    assert!(error.is_value(), "{error:#?}");
    names(&error, &["small.id", "256"]);
}
