//! Several MySQL pools: a transaction on each, and what stays when only some of them commit.

use headwater::engine::EngineBuilder;
use headwater::prelude::*;
use headwater_testkit::{Database, Proxy, Servers};

use crate::common::{rows, sql};
use crate::world::{calls, events, note};

const BOTH: Stream = Stream::new("BothStream");

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "near", stream(BOTH))]
struct Near {
    #[column(id)]
    id: u64,
    #[column(unique)]
    n: u32,
}
impl Entity for Near {
    fn saved(&self, _: &Committed<'_, Self>) {
        note(format!("saved near {}", self.n));
    }
}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "far", mysql = "far", stream(BOTH))]
struct Far {
    #[column(id)]
    id: u64,
    #[column(unique)]
    n: u32,
}
impl Entity for Far {
    fn saved(&self, _: &Committed<'_, Self>) {
        note(format!("saved far {}", self.n));
    }
}

struct Pools {
    near: Database,
    far: Database,
    proxy: Proxy,
    engine: Engine,
}

impl Pools {
    fn new() -> Self {
        let near = Servers::shared().database().expect("a database");
        let far = Servers::shared().database().expect("a database");
        let proxy = Proxy::start(far.mysql_url()).expect("a proxy");
        let engine = builder(&near)
            .mysql_pool("far", proxy.url())
            .build()
            .expect("an engine");
        engine.schema().diff().expect("a diff").apply().expect("tables");
        calls();
        Pools {
            near,
            far,
            proxy,
            engine,
        }
    }

    fn stored(&self) -> [Vec<Vec<String>>; 2] {
        [
            rows(&self.near, "SELECT n FROM near ORDER BY n"),
            rows(&self.far, "SELECT n FROM far ORDER BY n"),
        ]
    }

    fn events(&self) -> Vec<String> {
        events(&self.engine, &self.near, &BOTH)
    }
}

fn builder(near: &Database) -> EngineBuilder {
    let builder = Engine::builder().mysql(near.mysql_url()).redis(near.redis_url());
    builder.entity::<Near>().entity::<Far>()
}

fn near(n: u32) -> Near {
    Near { n, ..Near::default() }
}

fn far(n: u32) -> Far {
    Far { n, ..Far::default() }
}

#[test]
fn a_flush_on_two_pools_is_all_or_nothing_as_long_as_no_commit_is_lost() {
    let pools = Pools::new();
    let mut session = pools.engine.session();
    let (a, b) = (session.insert(near(1)), session.insert(far(1)));
    let report = session.flush().unwrap();
    assert_eq!((report.inserted, report.events), (2, 2));
    // A duplicate on the second pool takes the first back.
    let (c, d) = (session.insert(near(2)), session.insert(far(1)));
    session[a].n = 10;
    calls();
    assert!(session.flush().unwrap_err().is_duplicate_key());
    assert_eq!(pools.stored(), [vec![["1"]], vec![["1"]]]);
    assert_eq!((session[c].id, session[d].id), (0, 0));
    assert!(calls().is_empty());
    assert_eq!(pools.events().len(), 2);
    session[d].n = 2;
    session[b].n = 10;
    session.flush().unwrap();
    assert_eq!(pools.stored(), [vec![["2"], ["10"]], vec![["2"], ["10"]]]);
    // On one of them only: what was touched and not changed is clean afterwards.
    session[a].n = 11;
    session[c].n = 12;
    session.touch(b).unwrap();
    session.flush().unwrap();
    assert_eq!(
        format!("{session:?}"),
        "Session { id: N, touched: 0, .. }".replace('N', &number(&session))
    );
}

/// The number of a session, out of its own words.
fn number(session: &Session) -> String {
    let shown = format!("{session:?}");
    let rest = shown.split("id: ").nth(1).expect("a number");
    rest.split(',').next().expect("a number").to_owned()
}

#[test]
fn what_one_pool_committed_before_another_was_lost_stays_and_is_told_of() {
    for in_transaction in [false, true] {
        let pools = Pools::new();
        let mut session = pools.engine.session();
        let warm = session.insert(far(1));
        session.insert(near(1));
        session.flush().unwrap();
        calls();
        let flush = |session: &mut Session| {
            if in_transaction {
                session.transaction(|session| session.flush().map(drop))
            } else {
                session.flush().map(drop)
            }
        };
        // How many requests the far pool gets: COMMIT is the last.
        let (a, b) = (session.insert(near(2)), session.insert(far(2)));
        session[warm].n = 11;
        let before = pools.proxy.requests();
        flush(&mut session).unwrap();
        let requests = pools.proxy.requests() - before;
        assert_eq!(session[a].id, session[b].id);
        calls();
        let events = pools.events().len();

        let (a, b) = (session.insert(near(3)), session.insert(far(3)));
        session[warm].n = 12;
        // The UPDATE was prepared then and is not prepared again.
        pools.proxy.cut_before(requests - 1);
        let error = flush(&mut session).unwrap_err();
        assert_eq!(pools.proxy.cuts(), 1);
        assert!(error.is_commit_unknown(), "{in_transaction}: {error:#?}");
        assert_eq!(pools.stored(), [vec![["1"], ["2"], ["3"]], vec![["2"], ["11"]]]);
        assert_eq!(calls(), ["saved near 3"]);
        assert_eq!(pools.events().len(), events + 1);
        assert_eq!((session[a].id, session[b].id, session[warm].n), (3, 0, 12));
        // The next flush writes what is left, and only that.
        let report = session.flush().unwrap();
        assert_eq!((report.inserted, report.updated), (1, 1));
        assert_eq!(pools.stored(), [vec![["1"], ["2"], ["3"]], vec![["2"], ["3"], ["12"]]]);
        assert_eq!(calls().len(), 2);
        assert!(session.flush().unwrap().is_empty());
    }
}

#[test]
fn the_first_pools_lost_commit_takes_the_second_back() {
    let near_database = Servers::shared().database().unwrap();
    let far_database = Servers::shared().database().unwrap();
    let proxy = Proxy::start(near_database.mysql_url()).unwrap();
    let engine = Engine::builder()
        .mysql(proxy.url())
        .mysql_pool("far", far_database.mysql_url())
        .redis(near_database.redis_url())
        .entity::<Near>()
        .entity::<Far>()
        .build()
        .unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    sql(&near_database, &["INSERT INTO near (n) VALUES (1)"]);
    let mut session = engine.session();
    calls();
    session.query::<Near>().count().unwrap();
    session.insert(near(2));
    session.insert(far(2));
    // BEGIN, the preparation, the INSERT, COMMIT.
    proxy.cut_before(4);
    let error = session.flush().unwrap_err();
    assert!(error.is_commit_unknown(), "{error:#?}");
    assert_eq!(rows(&near_database, "SELECT n FROM near"), [["1"]]);
    assert!(rows(&far_database, "SELECT n FROM far").is_empty());
    assert!(calls().is_empty());
    assert_eq!(session.flush().unwrap().inserted, 2);
    assert_eq!(rows(&near_database, "SELECT n FROM near"), [["1"], ["2"]]);
    assert_eq!(rows(&far_database, "SELECT n FROM far"), [["2"]]);
}
