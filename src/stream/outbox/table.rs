//! The tables of the outbox, and the statements on them.

use super::row::Body;
use crate::mysql::Params;
use crate::table::Value;

/// Events that Redis does not have yet.
pub(crate) const OUTBOX: &str = "_headwater_outbox";
/// Events that Redis will never take as they are.
pub(crate) const ASIDE: &str = "_headwater_outbox_aside";
/// Who relays to which Redis pool.
pub(crate) const LEASE: &str = "_headwater_outbox_lease";

/// The name of a pool, a holder or an error is cut to what its column holds.
const NAME: usize = 190;

/// The tables with their CREATE TABLE statements.
pub(crate) fn tables() -> Vec<(String, String)> {
    let table = |name: &str, columns: &str| {
        let sql =
            format!("CREATE TABLE `{name}` ({columns}) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin");
        (name.to_owned(), sql)
    };
    let row = format!(
        "`pool` VARCHAR({NAME}) NOT NULL, `batch` BINARY(16) NOT NULL, `format` SMALLINT UNSIGNED NOT NULL, \
         `events` INT UNSIGNED NOT NULL, `created_at` DATETIME(6) NOT NULL"
    );
    vec![
        table(
            OUTBOX,
            &format!(
                "`id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, {row}, `origin` BINARY(16) NULL, \
                 `body` LONGBLOB NOT NULL, KEY `pool` (`pool`)"
            ),
        ),
        table(
            ASIDE,
            &format!(
                "`id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, {row}, \
                 `aside_at` DATETIME(6) NOT NULL, `error` TEXT NOT NULL, `body` LONGBLOB NOT NULL"
            ),
        ),
        table(
            LEASE,
            &format!(
                "`pool` VARCHAR({NAME}) NOT NULL PRIMARY KEY, `outbox` BINARY(16) NOT NULL, \
                 `holder` VARCHAR({NAME}) NOT NULL, `epoch` BIGINT UNSIGNED NOT NULL, `until` DATETIME(6) NOT NULL"
            ),
        ),
    ]
}

/// Adds a row to the outbox.
pub(crate) const INSERT: &str = "INSERT INTO `_headwater_outbox` (`pool`, `batch`, `format`, `events`, `created_at`, `origin`, `body`) \
     VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6), ?, ?)";

/// The values of [`INSERT`]. `origin` is who spilled the events; NULL for those of durable streams.
pub(crate) fn insert(pool: &str, body: Body, origin: Option<[u8; 16]>) -> Params {
    let mut params = Params::with_capacity(6);
    params.push(Value::Text(pool.to_owned()));
    params.push(Value::Bytes(ulid::Ulid::generate().to_bytes().to_vec()));
    params.push(Value::UInt(body.format.into()));
    params.push(Value::UInt(body.events.into()));
    params.push(origin.map_or(Value::Null, |origin| Value::Bytes(origin.to_vec())));
    params.push(Value::Bytes(body.bytes));
    params
}

/// The oldest rows of a Redis pool.
pub(super) const CLAIM: &str = "SELECT `id`, `batch`, `created_at`, `format`, `events`, `body` FROM `_headwater_outbox` WHERE `pool` = ? ORDER BY `id` LIMIT ?";

/// Whether a Redis pool has rows at all.
pub(super) const ANY: &str = "SELECT 1 FROM `_headwater_outbox` WHERE `pool` = ? LIMIT 1";

/// Whether rows are left that this engine spilled.
pub(crate) const SPILLED: &str = "SELECT 1 FROM `_headwater_outbox` WHERE `pool` = ? AND `origin` = ? LIMIT 1";

/// Deletes this many rows.
pub(super) fn delete(rows: usize) -> String {
    format!("DELETE FROM `_headwater_outbox` WHERE `id` IN ({})", marks(rows))
}

/// Which of this many batches are still in the outbox.
pub(super) fn present(batches: usize) -> String {
    format!(
        "SELECT `batch` FROM `_headwater_outbox` WHERE `batch` IN ({})",
        marks(batches)
    )
}

fn marks(count: usize) -> String {
    let mut marks = "?, ".repeat(count);
    marks.truncate(marks.len().saturating_sub(2));
    marks
}

/// Adds a row to those set aside.
pub(super) const SET_ASIDE: &str = "INSERT INTO `_headwater_outbox_aside` (`pool`, `batch`, `format`, `events`, `created_at`, `aside_at`, `error`, `body`) \
     VALUES (?, ?, ?, ?, ?, UTC_TIMESTAMP(6), ?, ?)";

/// Makes the row of a lease, once.
pub(super) const MAKE_LEASE: &str = "INSERT IGNORE INTO `_headwater_outbox_lease` (`pool`, `outbox`, `holder`, `epoch`, `until`) \
     VALUES (?, ?, '', 0, '2000-01-01 00:00:00')";

/// Takes a lease that is free; the new epoch is the generated key.
pub(super) const TAKE_LEASE: &str = "UPDATE `_headwater_outbox_lease` SET `epoch` = LAST_INSERT_ID(`epoch` + 1), `holder` = ?, \
     `until` = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND WHERE `pool` = ? AND (`until` < UTC_TIMESTAMP(6) OR `holder` = ?)";

/// Takes a lease that is held already again, with an epoch beyond this one.
pub(super) const RAISE_LEASE: &str = "UPDATE `_headwater_outbox_lease` SET `epoch` = LAST_INSERT_ID(GREATEST(`epoch`, ?) + 1) \
     WHERE `pool` = ? AND `holder` = ? AND `epoch` = ?";

/// Holds a lease for longer.
pub(super) const RENEW_LEASE: &str = "UPDATE `_headwater_outbox_lease` SET `until` = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND \
     WHERE `pool` = ? AND `holder` = ? AND `epoch` = ?";

/// Gives a lease back.
pub(super) const RELEASE_LEASE: &str = "UPDATE `_headwater_outbox_lease` SET `until` = '2000-01-01 00:00:00', `holder` = '' \
     WHERE `pool` = ? AND `holder` = ? AND `epoch` = ?";

/// What the markers of a pool are called after.
pub(super) const OUTBOX_ID: &str = "SELECT `outbox` FROM `_headwater_outbox_lease` WHERE `pool` = ?";

/// How much waits for a Redis pool, and for how long.
pub(super) const BACKLOG: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(`events`), 0) AS UNSIGNED), \
     CAST(COALESCE(SUM(LENGTH(`body`)), 0) AS UNSIGNED), \
     GREATEST(COALESCE(TIMESTAMPDIFF(MICROSECOND, MIN(`created_at`), UTC_TIMESTAMP(6)), 0), 0) \
     FROM `_headwater_outbox` WHERE `pool` = ?";

/// Who holds the lease of a Redis pool, and for how long still.
pub(super) const HELD: &str = "SELECT `holder`, GREATEST(TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), `until`), 0) \
     FROM `_headwater_outbox_lease` WHERE `pool` = ?";

/// The rows set aside for a Redis pool.
pub(super) const LIST_ASIDE: &str = "SELECT `id`, `format`, `events`, `error`, `body` FROM `_headwater_outbox_aside` \
     WHERE `pool` = ? ORDER BY `id` LIMIT 1000";

/// How many rows and events are set aside for a Redis pool.
pub(super) const COUNT_ASIDE: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(`events`), 0) AS UNSIGNED) \
     FROM `_headwater_outbox_aside` WHERE `pool` = ?";

/// Puts a row that was set aside back into the outbox, as a new one.
pub(super) const REPLAY: &str = "INSERT INTO `_headwater_outbox` (`pool`, `batch`, `format`, `events`, `created_at`, `body`) \
     SELECT `pool`, UNHEX(REPLACE(UUID(), '-', '')), `format`, `events`, `created_at`, `body` FROM `_headwater_outbox_aside` WHERE `id` = ?";

/// Deletes a row that was set aside.
pub(super) const DISCARD: &str = "DELETE FROM `_headwater_outbox_aside` WHERE `id` = ?";
