//! SeaORM: `find_by_id`, `is_in`, `insert_many`, `update` of each active model, `delete_many`.

use sea_orm::entity::prelude::*;
use sea_orm::{ConnectOptions, Database, DatabaseConnection, Set, TransactionTrait, Unchanged};
use tokio::runtime::Runtime;

use crate::put;
use crate::support::case::{Side, Started, plain, side as prepared};
use crate::support::users::{self, User, users as fresh};

#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "status")]
pub enum Status {
    #[sea_orm(string_value = "Active")]
    Active,
    #[sea_orm(string_value = "Banned")]
    Banned,
}

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "bench_users")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: u64,
    pub name: String,
    pub email: String,
    pub status: Status,
    pub age: Option<u32>,
    pub balance: Option<f64>,
    pub active: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn active(users: Vec<User>) -> Vec<ActiveModel> {
    let status = |status| match status {
        users::Status::Active => Status::Active,
        users::Status::Banned => Status::Banned,
    };
    let models = users.into_iter().map(|user| ActiveModel {
        name: Set(user.name),
        email: Set(user.email),
        status: Set(status(user.status)),
        age: Set(user.age),
        balance: Set(user.balance),
        active: Set(user.active),
        ..Default::default()
    });
    models.collect()
}

fn connect(url: &str) -> (Runtime, DatabaseConnection) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).min_connections(1).sqlx_logging(false);
    let database = runtime.block_on(Database::connect(options)).unwrap();
    (runtime, database)
}

pub(crate) fn side(group: &str, size: u64, started: &Started) -> Option<Side> {
    let (runtime, database) = connect(&started.place.url);
    let place = started.place.clone();
    Some(match group {
        "find_plain" | "find_tracked" => {
            let mut key = 1u64;
            plain(move || {
                key = key * 31 % 10_000 + 1;
                runtime.block_on(Entity::find_by_id(key).one(&database)).unwrap().unwrap()
            })
        }
        "load_by_ids" => plain(move || {
            let keys = (0..size).map(|n| n * 100_000 / size + 1);
            let found = Entity::find().filter(Column::Id.is_in(keys)).all(&database);
            let found = runtime.block_on(found).unwrap();
            assert_eq!(found.len() as u64, size);
            found
        }),
        "load_plain" | "load_tracked" => plain(move || runtime.block_on(Entity::find().all(&database)).unwrap()),
        "flush_insert" => prepared(
            move || Some(active(fresh(size as usize))),
            move |models| {
                runtime.block_on(async {
                    let transaction = database.begin().await.unwrap();
                    let models = models.take().unwrap_or_default();
                    Entity::insert_many(models).exec(&transaction).await.unwrap();
                    transaction.commit().await.unwrap();
                });
            },
        ),
        "flush_update" | "flush_update_same" => {
            let is_same = group == "flush_update_same";
            prepared(
                move || {
                    let turn = place.next();
                    let age = |n: u64| Some(u32::try_from(1000 + (n + turn) % 1_000_000).unwrap());
                    let models = (0..size).map(|n| ActiveModel {
                        id: Unchanged(n + 1),
                        name: if is_same { sea_orm::NotSet } else { Set(format!("Changed {turn} {n}")) },
                        age: Set(age(if is_same { 0 } else { n })),
                        ..Default::default()
                    });
                    models.collect::<Vec<_>>()
                },
                move |models| {
                    runtime.block_on(async {
                        let transaction = database.begin().await.unwrap();
                        for model in models.drain(..) {
                            Entity::update(model).exec(&transaction).await.unwrap();
                        }
                        transaction.commit().await.unwrap();
                    });
                },
            )
        }
        "flush_delete" => prepared(put(&started.place.url, size), move |keys| {
            runtime.block_on(async {
                let rows = Entity::delete_many().filter(Column::Id.is_in(keys.iter().copied()));
                rows.exec(&database).await.unwrap();
            });
        }),
        _ => return None,
    })
}
