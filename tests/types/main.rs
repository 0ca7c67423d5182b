//! Every type of column on a real server: the least, the greatest, the empty value and NULL, written in every
//! way and read back; values that do not fit a column, and rows that do not fit a field.
#![cfg(all(feature = "chrono", feature = "uuid", feature = "decimal", feature = "json"))]

#[path = "../common/mod.rs"]
mod common;
mod numbers;
mod others;
mod own;
mod round_trip;
mod texts;
mod times;
#[path = "../common/world.rs"]
mod world;
mod wrong_rows;
mod wrong_values;
