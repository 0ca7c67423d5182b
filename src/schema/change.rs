//! One difference between a table and its struct, with the clause that mends it.

/// One difference between a table and its struct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) stage: Stage,
    pub(super) risk: Risk,
    /// A clause of ALTER TABLE, or the whole statement for [`Stage::Create`].
    pub(super) clause: String,
    /// What differs, and for a destructive one why it is that.
    pub(super) why: String,
}

/// When a change is made: all of one stage in all tables before the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Foreign keys stand in the way of other changes.
    DropForeignKeys,
    Create,
    Alter,
    /// Defaults that were only there to fill a new column.
    Tidy,
    /// They need the tables on both sides as they should be.
    AddForeignKeys,
}

/// Whether a change can lose something. All safe changes are made before the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Risk {
    Safe,
    Destructive,
}

impl Change {
    pub(super) fn alter(risk: Risk, clause: impl Into<String>, why: impl Into<String>) -> Self {
        Change {
            stage: Stage::Alter,
            risk,
            clause: clause.into(),
            why: why.into(),
        }
    }

    pub(super) fn at(mut self, stage: Stage) -> Self {
        self.stage = stage;
        self
    }
}
