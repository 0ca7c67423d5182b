//! A column type of a program's own, whose values may differ in memory and be stored alike.

use headwater::Result;
use headwater::prelude::*;
use headwater::table::{ColumnDef, ColumnType, SqlType, Value};

use crate::common::{database, rows};
use crate::world::events;

/// A name that is told apart in memory as it was typed, and stored in small letters.
#[derive(Debug, Clone, Default, PartialEq)]
struct Nick(String);

impl ColumnType for Nick {
    type Compare<'a> = &'a str;
    const SQL: SqlType = SqlType::Text { length: 50 };

    fn encode(&self, column: &'static ColumnDef) -> Result<Value> {
        self.0.to_lowercase().encode(column)
    }

    fn decode(value: Value, column: &'static ColumnDef) -> Result<Self> {
        String::decode(value, column).map(Nick)
    }

    fn operand(value: &str) -> Value {
        Value::Text(value.to_lowercase())
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "players", stream(PLAYERS))]
struct Player {
    #[column(id)]
    id: u64,
    points: i32,
    nick: Nick,
    games: i32,
}
impl Entity for Player {}

const PLAYERS: Stream = Stream::new("Players");

#[test]
fn what_differs_in_memory_only_is_not_written() {
    let (database, builder) = database();
    let engine = builder.entity::<Player>().build().unwrap();
    engine.schema().diff().unwrap().apply().unwrap();
    let mut session = engine.session();
    let players: Vec<_> = ["ana", "bo", "cy", "di", "eli"]
        .map(|name| {
            session.insert(Player {
                nick: Nick(name.to_owned()),
                games: 7,
                ..Player::default()
            })
        })
        .into();
    session.flush().unwrap();

    // Between rows that change the same columns: one of which the nick is stored as it was, one without any change.
    for (player, nick, points) in [
        (0, "Anna", 1),
        (1, "BO", 2),
        (2, "Cyd", 3),
        (3, "DI", 0),
        (4, "Ellie", 5),
    ] {
        let player = &mut session[players[player]];
        (player.nick, player.points) = (Nick(nick.to_owned()), points);
        player.games += points;
    }
    let log = database.record().unwrap();
    let report = session.flush().unwrap();
    assert_eq!((report.updated, report.events), (4, 4));
    let updates = log.executed().unwrap();
    let both = updates.iter().filter(|text| text.contains("`nick`=")).count();
    let all = updates.iter().filter(|text| text.starts_with("UPDATE")).count();
    assert_eq!((both, all), (1, 2), "{updates:?}");
    // A flush tells the changes of the same columns together.
    let told = events(&engine, &database, &PLAYERS);
    assert_eq!(
        told[5..],
        [
            "players 2 Update points: 0 -> 2, games: 7 -> 9",
            "players 1 Update points: 0 -> 1, nick: ana -> anna, games: 7 -> 8",
            "players 3 Update points: 0 -> 3, nick: cy -> cyd, games: 7 -> 10",
            "players 5 Update points: 0 -> 5, nick: eli -> ellie, games: 7 -> 12",
        ]
    );
    assert_eq!(
        rows(&database, "SELECT nick, points FROM players ORDER BY id"),
        [["anna", "1"], ["bo", "2"], ["cyd", "3"], ["di", "0"], ["ellie", "5"]]
    );
}
