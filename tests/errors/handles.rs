//! Handles and references that lead nowhere, entities that nobody registered.

use headwater::prelude::*;
use headwater::{Error, ErrorKind};

use crate::world::{World, names, note};

const TEAM_STREAM: Stream = Stream::new("TeamStream");

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "teams", stream(TEAM_STREAM))]
struct Team {
    #[column(id)]
    id: u64,
    name: String,
}
impl Entity for Team {
    fn saved(&self, _: &Committed<'_, Self>) {
        note(format!("saved teams {}", self.id));
    }
}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "players", stream(TEAM_STREAM))]
struct Player {
    #[column(id)]
    id: u64,
    name: String,
    team: Ref<Team>,
    loan: Option<Ref<Team>>,
}
impl Entity for Player {
    fn saved(&self, _: &Committed<'_, Self>) {
        note(format!("saved players {}", self.id));
    }
}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "codes")]
struct Code {
    #[column(id, length = 30)]
    code: String,
}
impl Entity for Code {}

/// Nobody registers it.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "strangers")]
struct Stranger {
    #[column(id)]
    id: u64,
}
impl Entity for Stranger {}

fn world() -> World {
    World::new(TEAM_STREAM, |builder| {
        builder.entity::<Team>().entity::<Player>().entity::<Code>()
    })
}

fn team(name: &str) -> Team {
    Team {
        name: name.into(),
        ..Team::default()
    }
}

#[track_caller]
fn is_handle(error: &Error, of: &str, words: &str) {
    let ErrorKind::Handle { table, reason } = error.kind() else {
        panic!("{error:#?}")
    };
    assert_eq!(*table, of);
    assert!(reason.contains(words), "{error}");
    names(error, &[of, words]);
}

/// Everything that takes a handle refuses it.
#[track_caller]
fn refuses(session: &mut Session, handle: Handle<Team>, words: &str) {
    for error in [
        session.get(handle).map(drop).unwrap_err(),
        session.get_mut(handle).map(drop).unwrap_err(),
        session.pair_mut(handle, handle).map(drop).unwrap_err(),
        session.delete(handle).unwrap_err(),
        session.force_delete(handle).unwrap_err(),
        session.restore(handle).unwrap_err(),
        session.touch(handle).unwrap_err(),
        session.replicate(handle).map(drop).unwrap_err(),
        session.refresh(handle).unwrap_err(),
        session.detach(handle).map(drop).unwrap_err(),
        session.evict(handle).map(drop).unwrap_err(),
    ] {
        is_handle(&error, "teams", words);
    }
    assert!(session.flush().unwrap().is_empty(), "nothing of it may be left behind");
}

#[test]
fn a_handle_of_another_session_is_refused() {
    let world = world();
    let (mut one, mut two) = (world.engine.session(), world.engine.session());
    let theirs = one.insert(team("a"));
    refuses(&mut two, theirs, "another session");
    one.flush().unwrap();
    let mine = two.insert(team("b"));
    two.flush().unwrap();
    refuses(&mut two, theirs, "another session");
    assert_eq!((&*one[theirs].name, &*two[mine].name), ("a", "b"));
}

/// Sessions of two engines are told apart too.
#[test]
fn a_handle_of_another_engines_session_is_refused() {
    let (mine, theirs) = (world(), world());
    let (mut one, mut two) = (mine.engine.session(), theirs.engine.session());
    let handle = one.insert(team("a"));
    let own = two.insert(team("b"));
    refuses_only(&mut two, handle);
    assert_eq!(two[own].name, "b");
    assert!(one.get(own).is_err());
    two.flush().unwrap();
    let fan = two.insert(Player {
        team: handle.into(),
        ..Player::default()
    });
    let error = theirs.fails(&mut two);
    names(&error, &["players.team", "another session"]);
    two[fan].team = own.into();
    theirs.works(&mut two);
}

#[track_caller]
fn refuses_only(session: &mut Session, handle: Handle<Team>) {
    is_handle(&session.get(handle).map(drop).unwrap_err(), "teams", "another session");
    is_handle(&session.delete(handle).unwrap_err(), "teams", "another session");
}

#[test]
fn a_handle_of_an_entity_that_is_gone_is_refused() {
    let world = world();
    let mut session = world.engine.session();
    let words = "deleted or left the session";

    let never = session.insert(team("never inserted"));
    session.delete(never).unwrap();
    refuses(&mut session, never, words);

    let deleted = session.insert(team("deleted"));
    session.flush().unwrap();
    session.delete(deleted).unwrap();
    assert_eq!(session[deleted].name, "deleted", "until the flush it is there");
    session.flush().unwrap();
    refuses(&mut session, deleted, words);

    // Its slot is used again: the old handle does not lead to the new entity.
    let next = session.insert(team("next"));
    refuses_gone(&mut session, deleted);
    assert_eq!(session[next].name, "next");
    session.flush().unwrap();

    let evicted = session.insert(team("evicted"));
    session.flush().unwrap();
    session.evict(evicted).unwrap();
    refuses(&mut session, evicted, words);

    let outcome = session.transaction(|session| {
        session.delete(next)?;
        session.flush()?;
        is_handle(&session.get(next).map(drop).unwrap_err(), "teams", words);
        is_handle(&session.get_mut(next).map(drop).unwrap_err(), "teams", words);
        is_handle(&session.delete(next).unwrap_err(), "teams", words);
        session.insert(team("another"));
        is_handle(&session.get(next).map(drop).unwrap_err(), "teams", words);
        Ok(())
    });
    outcome.unwrap();
    refuses(&mut session, next, words);
}

#[track_caller]
fn refuses_gone(session: &mut Session, handle: Handle<Team>) {
    is_handle(&session.get(handle).map(drop).unwrap_err(), "teams", "deleted or left");
    is_handle(&session.delete(handle).unwrap_err(), "teams", "deleted or left");
}

#[test]
fn an_index_with_a_wrong_handle_panics_with_the_errors_text() {
    let world = world();
    let (mut one, two) = (world.engine.session(), world.engine.session());
    let theirs = one.insert(team("a"));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| two[theirs].name.len())).unwrap_err();
    let text = panic.downcast_ref::<String>().expect("a text");
    assert_eq!(text, "teams: the handle belongs to another session");
}

#[test]
fn two_handles_of_one_entity_are_no_pair() {
    let world = world();
    let mut session = world.engine.session();
    let one = session.insert(team("a"));
    is_handle(
        &session.pair_mut(one, one).map(drop).unwrap_err(),
        "teams",
        "same entity",
    );
    world.works(&mut session);
}

#[test]
fn a_key_without_a_row_is_none_or_not_found() {
    let world = world();
    let mut session = world.engine.session();
    session.insert(team("a"));
    session.flush().unwrap();
    session.insert(team("not flushed"));
    for key in [0, 77, u64::MAX] {
        assert!(session.find::<Team>(key).unwrap().is_none());
        let error = session.require::<Team>(key).unwrap_err();
        let ErrorKind::NotFound { table, key: told } = error.kind() else {
            panic!("{error:#?}")
        };
        assert!(error.is_not_found());
        assert_eq!((*table, told), ("teams", &key.to_string()));
        names(&error, &["teams", &key.to_string(), "no such row"]);
    }
    assert_eq!(session.find_many::<Team>([0, 77, 1, 0]).unwrap().len(), 1);
    for code in ["", "nothing"] {
        assert!(session.find::<Code>(code).unwrap().is_none());
        let error = session.require::<Code>(code).unwrap_err();
        assert!(error.is_not_found());
        names(&error, &["codes", code]);
    }
    // A row that went away meanwhile.
    let gone = session.require::<Team>(1).unwrap();
    world.sql(&["DELETE FROM teams WHERE id = 1"]);
    let error = session.refresh(gone).unwrap_err();
    assert!(error.is_not_found(), "{error:#?}");
    names(&error, &["teams", "1"]);
}

#[test]
fn an_entity_that_is_not_registered_is_named() {
    let world = world();
    let mut session = world.engine.session();
    let is_unregistered = |error: &Error| {
        let ErrorKind::NotRegistered { table } = error.kind() else {
            panic!("{error:#?}")
        };
        assert_eq!(*table, "strangers");
        names(error, &["`strangers`", "not registered", ".entity::<"]);
    };
    is_unregistered(&session.find::<Stranger>(1).unwrap_err());
    is_unregistered(&session.find::<Stranger>(0).unwrap_err());
    is_unregistered(&session.require::<Stranger>(1).unwrap_err());
    is_unregistered(&session.fetch::<Stranger>(1).unwrap_err());
    is_unregistered(&session.find_many::<Stranger>([]).unwrap_err());
    is_unregistered(&session.query::<Stranger>().all().unwrap_err());
    is_unregistered(&session.query::<Stranger>().fetch().unwrap_err());
    is_unregistered(&session.query::<Stranger>().count().unwrap_err());

    session.insert(team("a"));
    let stranger = session.insert(Stranger::default());
    is_unregistered(&world.fails(&mut session));
    let error = world.fails_at(|| session.transaction(|_| Ok(())));
    is_unregistered(&error);
    // What began in the transaction goes with it; what was there before stays.
    session.delete(stranger).unwrap();
    assert_eq!(world.works(&mut session).inserted, 1);
}

fn player(team: Ref<Team>) -> Player {
    Player {
        name: "Ann".into(),
        team,
        ..Player::default()
    }
}

#[track_caller]
fn is_reference(error: &Error, of: &str, words: &str) {
    let ErrorKind::Value {
        table, column, reason, ..
    } = error.kind()
    else {
        panic!("{error:#?}")
    };
    assert!(error.is_value());
    assert_eq!((*table, *column), ("players", of));
    assert!(reason.contains(words), "{error}");
    names(error, &["players", of, words]);
}

#[test]
fn a_reference_that_points_nowhere_is_refused() {
    let world = world();
    let mut session = world.engine.session();
    let home = session.insert(team("home"));
    session.flush().unwrap();
    let ann = session.insert(player(Ref::default()));
    is_reference(&world.fails(&mut session), "team", "points nowhere");
    session[ann].team = Ref::to(0);
    is_reference(&world.fails(&mut session), "team", "points nowhere");
    session[ann].team = home.into();
    session[ann].loan = Some(Ref::default());
    is_reference(&world.fails(&mut session), "loan", "points nowhere");
    session[ann].loan = None;
    world.works(&mut session);
    session[ann].team = Ref::default();
    is_reference(&world.fails(&mut session), "team", "points nowhere");
    session[ann].team = Ref::to(1);
    assert!(session.flush().unwrap().is_empty(), "back to what is stored");
}

#[test]
fn a_reference_to_another_sessions_entity_is_refused() {
    let world = world();
    let (mut one, mut two) = (world.engine.session(), world.engine.session());
    let new = one.insert(team("new"));
    let ann = two.insert(player(new.into()));
    is_reference(&world.fails(&mut two), "team", "another session");
    one.flush().unwrap();
    is_reference(&world.fails(&mut two), "team", "another session");
    two[ann].team = Ref::from(&one[new]);
    world.works(&mut two);
    assert_eq!(world.rows("SELECT team FROM players"), ["1"]);
}

#[test]
fn a_reference_to_an_entity_that_is_gone_is_refused() {
    let world = world();
    let mut session = world.engine.session();
    let words = "teams that the reference waits for";
    let never = session.insert(team("never inserted"));
    let ann = session.insert(player(never.into()));
    session.delete(never).unwrap();
    is_reference(&world.fails(&mut session), "team", words);

    let (home, old) = (session.insert(team("home")), session.insert(team("old")));
    session[ann].team = home.into();
    world.works(&mut session);
    session.delete(old).unwrap();
    session.flush().unwrap();
    session[ann].loan = Some(old.into());
    is_reference(&world.fails(&mut session), "loan", words);
    session[ann].loan = None;

    // The same flush deletes it.
    let away = session.insert(team("away"));
    session.flush().unwrap();
    session[ann].loan = Some(away.into());
    session.delete(away).unwrap();
    is_reference(&world.fails(&mut session), "loan", "deleted");
    let error = world.fails_at(|| {
        session.transaction(|session| {
            session[ann].loan = None;
            session.flush()?;
            session[ann].loan = Some(away.into());
            session.flush()
        })
    });
    is_reference(&error, "loan", words);
    session[ann].loan = None;
    assert_eq!(world.works(&mut session).deleted, 1);
}
