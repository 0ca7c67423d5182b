//! The dead-letter stream of a stream.

/// The field of a replayed entry that names the group it is for: the others have had it.
pub(crate) const FOR_GROUP: &str = "dead:for";
