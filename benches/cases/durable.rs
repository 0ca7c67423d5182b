//! What a flush pays for one durable stream: the row of the outbox in its transaction. Relaying is not part of it.

use headwater::prelude::*;
use mysql::Conn;
use mysql::prelude::Queryable;

use super::update;
use crate::support::case::{Case, Goal, Side, Started, side};
use crate::support::users::{Status, User, fill, users};
use crate::support::world::{World, bare};

pub(crate) fn cases() -> Vec<Case> {
    let insert = Case::new("flush_durable/insert 1000", Goal::Ratio(1.40), inserts);
    let update = Case::new("flush_durable/update 1000", Goal::Ratio(1.25), updates);
    vec![update.against(Some("no stream")), insert.against(Some("no stream"))]
}

const ROWS: u64 = 1000;
const KEPT: Stream = Stream::new("BenchKept").durable();

/// [`User`] with a durable stream.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "bench_users", stream(KEPT))]
struct Kept {
    #[column(id)]
    id: u64,
    name: String,
    email: String,
    status: Status,
    age: Option<u32>,
    balance: Option<f64>,
    active: bool,
}
impl Entity for Kept {}

impl From<User> for Kept {
    fn from(user: User) -> Self {
        Kept {
            id: user.id,
            name: user.name,
            email: user.email,
            status: user.status,
            age: user.age,
            balance: user.balance,
            active: user.active,
        }
    }
}

/// Engines with the stream and without, on one database; neither relays.
fn engines(mysql: &str, redis: &str) -> (Engine, Engine) {
    let with = Engine::builder()
        .mysql(mysql)
        .redis(redis)
        .relay(false)
        .entity::<Kept>()
        .build()
        .unwrap();
    with.schema().diff().and_then(|diff| diff.apply()).unwrap();
    (with, Engine::builder().mysql(mysql).entity::<User>().build().unwrap())
}

/// Gives the outbox the room that it has once it was in use: InnoDB makes a new table's file longer page by page, and
/// syncs it twice for each; later rows take the place of those that were deleted.
fn make_room(bare: &mut Conn) {
    let row = "('none', UNHEX(REPLACE(UUID(), '-', '')), 1, 1, UTC_TIMESTAMP(6), REPEAT('x', 32768))";
    let columns = "`pool`, `batch`, `format`, `events`, `created_at`, `body`";
    let rows = [row; 64].join(",");
    bare.query_drop(format!("INSERT INTO `_headwater_outbox` ({columns}) VALUES {rows}"))
        .unwrap();
    bare.query_drop("DELETE FROM `_headwater_outbox`").unwrap();
}

fn updates(world: &World) -> Started {
    let mut site = world.site();
    fill(&mut site.bare, ROWS as usize);
    let (with, without) = engines(site.database.mysql_url(), site.database.redis_url());
    make_room(&mut site.bare);
    let age = |n: u64, turn: u64| Some(u32::try_from(1000 + (n + turn) % 1_000_000).unwrap_or_default());
    let name = |n: u64, turn: u64| format!("Changed {turn} {n}");
    let mut kept = update::headwater(&with, &site.place, (ROWS, 1), move |user: &mut Kept, n, turn| {
        (user.name, user.age) = (name(n, turn), age(n, turn));
    });
    let plain = update::headwater(&without, &site.place, (ROWS, 1), move |user: &mut User, n, turn| {
        (user.name, user.age) = (name(n, turn), age(n, turn));
    });
    let mut emptied = bare(site.database.mysql_url());
    let kept: Side = Box::new(move |times| {
        emptied.query_drop("DELETE FROM `_headwater_outbox`").unwrap();
        kept(times)
    });
    Started::on(site, vec![("headwater", kept), ("no stream", plain)])
}

fn inserts(world: &World) -> Started {
    let mut site = world.site();
    let (with, without) = engines(site.database.mysql_url(), site.database.redis_url());
    make_room(&mut site.bare);
    let url = site.database.mysql_url();
    let kept = inserting::<Kept>(with, bare(url));
    let plain = inserting::<User>(without, bare(url));
    Started::on(site, vec![("headwater", kept), ("no stream", plain)])
}

fn inserting<E: Entity + From<User>>(engine: Engine, mut emptied: Conn) -> Side {
    side(
        move || {
            emptied.query_drop("DELETE FROM bench_users").unwrap();
            let _ = emptied.query_drop("DELETE FROM `_headwater_outbox`");
            let mut session = engine.session();
            for user in users(ROWS as usize) {
                session.insert(E::from(user));
            }
            session
        },
        |session| assert_eq!(session.flush().unwrap().inserted, ROWS),
    )
}
