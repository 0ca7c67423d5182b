//! Writes the statements of a plan down, one operation for each MySQL pool.

use crate::error::{Error, Result};
use crate::mysql::{Done, Params, Server};
use crate::runtime::Runtime;
use crate::session::frozen::Frozen;
use crate::session::rows::Rows;
use crate::session::target::{Target, Targets};
use crate::stream::Wire;
use crate::stream::operation::Parameter;
use crate::stream::wire::{Draft, Piece};
use crate::table::TableDef;

/// What takes the statements of one pool.
#[derive(Debug)]
pub(super) struct Recorder {
    server: Server,
    pub(super) draft: Draft,
    /// The first change of each statement that inserts, with the statement.
    pub(super) inserted: Vec<(usize, usize)>,
}

/// What takes the statements of all pools.
#[derive(Debug)]
pub(super) struct Recorders {
    wire: Wire,
    pools: Vec<Option<Recorder>>,
}

impl Recorders {
    pub(super) fn new(wire: Wire) -> Self {
        Recorders {
            wire,
            pools: Vec::new(),
        }
    }

    /// How operations are written.
    pub(super) fn wire(&self) -> Wire {
        self.wire
    }

    /// All pools that take part.
    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Recorder> {
        self.pools.iter_mut().flatten()
    }

    /// The operations as bytes, each with its id.
    pub(super) fn finish(self, runtime: &Runtime) -> Result<Vec<(String, Vec<Piece>)>> {
        let drafts = self.pools.into_iter().enumerate();
        let drafts = drafts.filter_map(|(pool, recorder)| Some((runtime.mysql.get(pool)?, recorder?)));
        drafts
            .map(|(pool, recorder)| {
                let id = ulid::Ulid::generate().to_string();
                let bytes = recorder.draft.finish(pool.name(), &id)?;
                Ok((id, bytes))
            })
            .collect()
    }
}

impl Targets for Recorders {
    type Target = Recorder;

    fn of(&mut self, runtime: &Runtime, pool: usize) -> Result<&mut Recorder> {
        if self.pools.len() <= pool {
            self.pools.resize_with(pool + 1, || None);
        }
        let server = runtime.mysql.get(pool).map(|pool| *pool.server());
        let server = server.ok_or_else(|| Error::config("no such MySQL pool"))?;
        let wire = self.wire;
        Ok(self.pools[pool].get_or_insert_with(|| Recorder {
            server,
            draft: Draft::new(wire),
            inserted: Vec::new(),
        }))
    }
}

impl Recorder {
    fn write(&mut self, sql: &str, params: &Params, rows: Option<usize>) -> Result<()> {
        self.draft
            .query(sql, params.len(), params.each().map(Parameter::from), rows)
    }
}

impl Target for Recorder {
    fn server(&self) -> &Server {
        &self.server
    }

    fn insert(&mut self, sql: &str, frozen: &mut Frozen, rows: &[usize], _: &TableDef) -> Result<Done> {
        let query = self.draft.queries();
        self.inserted.extend(rows.first().map(|&first| (first, query)));
        let places = frozen.places(rows);
        match places.filter(|_| matches!(frozen.rows, Rows::Written(_))) {
            Some(places) => {
                let columns = |&i: &usize| frozen.shape(&frozen.changes[i]).columns.len();
                let count = rows.len() * rows.first().map_or(0, columns);
                self.draft.insert(sql, count, places.into_iter())?;
            }
            None => self.write(sql, &frozen.take_rows(rows), None)?,
        }
        Ok(Done {
            matched: rows.len() as u64,
            // Every key is known: none is asked for.
            first_key: 0,
        })
    }

    fn change(&mut self, sql: &str, params: Params, _: &str, rows: Option<usize>) -> Result<u64> {
        self.write(sql, &params, rows)?;
        Ok(rows.unwrap_or(0) as u64)
    }
}
