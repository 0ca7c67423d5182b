//! What must not compile, and what the compiler says: one file in `tests/ui` for each promise of the derives.
//!
//! The texts are those of the toolchain in use. After a change, write them anew with
//! `TRYBUILD=overwrite cargo test --all-features --test compile_fail` and read each one: does it point at
//! what is wrong, and would its reader know what to do?
#![cfg(all(feature = "chrono", feature = "uuid", feature = "decimal", feature = "json"))]

#[test]
fn mistakes_are_told_where_they_are_made() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
