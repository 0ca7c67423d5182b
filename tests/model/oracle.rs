//! The plain model: rows, entities, what a flush and a rollback come to, the events of a commit.

use crate::tables::{Fields, Kind, Stored, Thing};

/// The model; `floor` is how many things there were when the innermost transaction began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) things: Vec<Thing>,
    pub(crate) floor: usize,
}

impl Model {
    pub(crate) fn alive(&self, number: usize) -> bool {
        self.things[number].stored != Stored::Gone && !self.things[number].delete
    }

    /// One of the things alive, chosen by a random number.
    pub(crate) fn pick(&self, which: u8, fits: impl Fn(&Thing) -> bool) -> Option<usize> {
        let alive: Vec<usize> = (0..self.things.len())
            .filter(|&i| self.alive(i) && fits(&self.things[i]))
            .collect();
        (!alive.is_empty()).then(|| alive[usize::from(which) % alive.len()])
    }

    pub(crate) fn parent_kind(kind: Kind) -> Kind {
        match kind {
            Kind::Author | Kind::Book => Kind::Author,
            Kind::Note => Kind::Book,
        }
    }

    /// What a flush comes to; `None` when a unique value would be there twice.
    pub(crate) fn flushed(&self) -> Option<Model> {
        let mut after = self.clone();
        for thing in &mut after.things {
            match thing.stored {
                Stored::Gone => {}
                _ if thing.delete => {
                    thing.stored = Stored::Gone;
                    thing.delete = false;
                }
                Stored::New => {
                    thing.stored = Stored::Row(thing.now);
                    thing.version = 1;
                }
                Stored::Row(row) => {
                    if row != thing.now {
                        thing.version += 1;
                    }
                    thing.stored = Stored::Row(thing.now);
                }
            }
        }
        let mut labels: Vec<(Kind, u8)> = Vec::new();
        for thing in &after.things {
            if let Stored::Row(Fields { label: Some(label), .. }) = thing.stored {
                labels.push((thing.kind, label));
            }
        }
        let all = labels.len();
        labels.sort_unstable();
        labels.dedup();
        (labels.len() == all).then_some(after)
    }

    /// What a rollback to an earlier state comes to: its rows, the edits of what was there then.
    pub(crate) fn rolled_back(&self, to: &Model) -> Model {
        let mut after = to.clone();
        for (earlier, now) in after.things.iter_mut().zip(&self.things) {
            earlier.now = now.now;
        }
        after
    }

    /// The events of a commit, by table and row: 1 insert, 2 update with its columns, 3 delete.
    pub(crate) fn events(before: &Model, after: &Model) -> Vec<(usize, u8, Vec<&'static str>)> {
        let mut events = Vec::new();
        for (i, thing) in after.things.iter().enumerate() {
            let earlier = before.things.get(i).map_or(Stored::New, |thing| thing.stored);
            match (earlier, thing.stored) {
                (Stored::New, Stored::Row(_)) => events.push((i, 1, Vec::new())),
                (Stored::Row(_), Stored::Gone) => events.push((i, 3, Vec::new())),
                (Stored::Row(old), Stored::Row(new)) if old != new => {
                    let columns = [
                        ("label", old.label != new.label),
                        ("n", old.n != new.n),
                        ("parent", old.parent != new.parent),
                    ];
                    events.push((
                        i,
                        2,
                        columns
                            .iter()
                            .filter(|(_, changed)| *changed)
                            .map(|(name, _)| *name)
                            .collect(),
                    ));
                }
                _ => {}
            }
        }
        events
    }
}
