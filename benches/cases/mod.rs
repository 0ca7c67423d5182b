//! The cases, by what they measure.

mod delete;
mod durable;
mod events;
mod find;
mod insert;
mod session;
mod streams;
mod threads;
mod update;

use crate::support::case::Case;

/// All cases, in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    [
        find::cases(),
        insert::cases(),
        update::cases(),
        delete::cases(),
        session::cases(),
        events::cases(),
        streams::cases(),
        durable::cases(),
        threads::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
