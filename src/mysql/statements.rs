//! The prepared statements that a connection keeps.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Prepared statements by their text; those unused for longest make room.
///
/// The driver's own cache is off: it closes statements behind the back of those who hold one.
#[derive(Debug)]
pub(super) struct Statements {
    kept: Vec<Kept>,
    /// Their places in `kept` by the hashes of their texts.
    places: HashTable<usize>,
    // Texts of statements are long: the standard hash takes several times as long.
    hasher: DefaultHashBuilder,
    /// The place of the one that was used last: most often it is the next one, too, and its text is compared sooner
    /// than hashed.
    last: usize,
    most: usize,
    /// Parameters of all kept statements together: what a statement takes of the server's memory goes by them.
    parameters: usize,
    clock: u64,
}

/// Some 30 MB of the server's memory for each connection.
const MOST_PARAMETERS: usize = 131_072;

#[derive(Debug)]
struct Kept {
    text: Box<str>,
    statement: mysql::Statement,
    used: u64,
}

/// Where a statement is kept, until the next one is.
#[derive(Debug, Clone, Copy)]
pub(super) struct At(usize);

impl Statements {
    pub(super) fn new(most: usize) -> Self {
        Statements {
            kept: Vec::new(),
            places: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            last: 0,
            most: most.max(1),
            parameters: 0,
            clock: 0,
        }
    }

    /// The statement of this text, if it is kept.
    #[inline]
    pub(super) fn find(&mut self, text: &str) -> Option<At> {
        let last = self.kept.get(self.last);
        let place = match last.is_some_and(|kept| *kept.text == *text) {
            true => self.last,
            false => self.look_up(text)?,
        };
        self.clock += 1;
        self.kept[place].used = self.clock;
        self.last = place;
        Some(At(place))
    }

    fn look_up(&self, text: &str) -> Option<usize> {
        let hash = self.hasher.hash_one(text);
        self.places
            .find(hash, |&place| *self.kept[place].text == *text)
            .copied()
    }

    /// The statement that was found or kept last.
    #[inline]
    pub(super) fn get(&self, At(place): At) -> &mysql::Statement {
        &self.kept[place].statement
    }

    /// Keeps a statement of a text that is not kept; those that are returned must be closed.
    pub(super) fn keep(&mut self, text: &str, statement: mysql::Statement) -> (At, Vec<mysql::Statement>) {
        self.clock += 1;
        let parameters = usize::from(statement.num_params());
        let mut evicted = Vec::new();
        while !self.kept.is_empty() && (self.kept.len() >= self.most || self.parameters + parameters > MOST_PARAMETERS)
        {
            evicted.extend(self.evict());
        }
        self.parameters += parameters;
        let place = self.kept.len();
        self.kept.push(Kept {
            text: text.into(),
            statement,
            used: self.clock,
        });
        let (kept, hasher) = (&self.kept, &self.hasher);
        let hash = |&place: &usize| hasher.hash_one(&*kept[place].text);
        self.places.insert_unique(hash(&place), place, hash);
        self.last = place;
        (At(place), evicted)
    }

    /// Takes out the statement that was unused for longest; the last one comes into its place.
    fn evict(&mut self) -> Option<mysql::Statement> {
        let oldest = (0..self.kept.len()).min_by_key(|&place| self.kept[place].used)?;
        let moved = self.kept.len() - 1;
        self.forget(oldest);
        if moved != oldest {
            self.forget(moved);
        }
        let evicted = self.kept.swap_remove(oldest);
        self.parameters -= usize::from(evicted.statement.num_params());
        if moved != oldest {
            let (kept, hasher) = (&self.kept, &self.hasher);
            let hash = |&place: &usize| hasher.hash_one(&*kept[place].text);
            self.places.insert_unique(hash(&oldest), oldest, hash);
        }
        Some(evicted.statement)
    }

    /// Takes a place out of those that are found by their text.
    fn forget(&mut self, place: usize) {
        let hash = self.hasher.hash_one(&*self.kept[place].text);
        if let Ok(found) = self.places.find_entry(hash, |&other| other == place) {
            found.remove();
        }
    }
}
