//! Tables that refer to themselves and to each other.

use headwater::prelude::*;

use crate::world::World;

const TREE: Stream = Stream::new("TreeStream");

/// A table that refers to itself.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "folders", stream(TREE))]
pub(crate) struct Folder {
    #[column(id)]
    pub(crate) id: u64,
    #[column(unique, length = 40)]
    pub(crate) name: String,
    #[column(references)]
    pub(crate) parent: Option<Ref<Folder>>,
}
impl Entity for Folder {}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "files", stream(TREE))]
pub(crate) struct File {
    #[column(id)]
    pub(crate) id: u64,
    #[column(references)]
    pub(crate) folder: Ref<Folder>,
    #[column(length = 40)]
    pub(crate) name: String,
    pub(crate) size: u32,
}
impl Entity for File {}

/// Two tables that need each other: one of the references may be NULL.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "teams", stream(TREE))]
pub(crate) struct Team {
    #[column(id)]
    pub(crate) id: u64,
    #[column(references)]
    pub(crate) captain: Option<Ref<Player>>,
    #[column(version)]
    pub(crate) version: u32,
}
impl Entity for Team {}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "players", stream(TREE))]
pub(crate) struct Player {
    #[column(id)]
    pub(crate) id: u64,
    #[column(references)]
    pub(crate) team: Ref<Team>,
}
impl Entity for Player {}

/// Two tables that need each other, and neither can wait.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "hens", stream(TREE))]
pub(crate) struct Hen {
    #[column(id)]
    pub(crate) id: u64,
    pub(crate) egg: Ref<Egg>,
}
impl Entity for Hen {}

#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "eggs", stream(TREE))]
pub(crate) struct Egg {
    #[column(id)]
    pub(crate) id: u64,
    pub(crate) hen: Ref<Hen>,
}
impl Entity for Egg {}

/// Keys that this library makes.
#[derive(Debug, Clone, Default, PartialEq, Table)]
#[table(name = "nodes", stream(TREE))]
pub(crate) struct Node {
    #[column(id, length = 26)]
    pub(crate) id: String,
    #[column(references)]
    pub(crate) next: Option<Ref<Node>>,
}
impl Entity for Node {}

pub(crate) fn world() -> World {
    World::new(TREE, |builder| {
        builder
            .entity::<File>()
            .entity::<Folder>()
            .entity::<Player>()
            .entity::<Team>()
            .entity::<Egg>()
            .entity::<Hen>()
            .entity::<Node>()
    })
}

pub(crate) fn folder(name: impl Into<String>) -> Folder {
    Folder {
        name: name.into(),
        ..Folder::default()
    }
}

/// A small generator of numbers: the same for each seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }

    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.below(at + 1));
        }
    }
}
