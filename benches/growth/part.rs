//! The two parts of the bench: sizes that differ in rows, and sizes that differ in columns.

use std::fmt;
use std::time::Duration;

use super::operations::{Operation, all, case};
use super::plots::{Line, thousands};
use super::tables::{Of1, Of2, Of5, Of10, Of20, Of50};
use crate::support::measure::{Rounds, measure, median, shown};
use crate::support::users::User;
use crate::support::world::World;

/// Sizes and the times that were measured at each.
pub(crate) struct Part {
    /// What the sizes count.
    counted: &'static str,
    /// What one operation has many of.
    unit: &'static str,
    sizes: Vec<Size>,
}

struct Size {
    /// So many rows or columns.
    count: u64,
    rows: u64,
    /// Values of one operation, without the keys.
    values: u64,
    /// So many units.
    units: u64,
    operations: [Operation; 4],
    /// The times of each operation in seconds, one of each round.
    times: [Vec<f64>; 4],
}

/// How many rows the tables of different width have.
pub(crate) const WIDE_ROWS: u64 = 1000;

impl Part {
    pub(crate) fn rows() -> Self {
        let size = |rows| Size {
            count: rows,
            rows,
            values: rows * 6,
            units: rows,
            operations: all::<User>(),
            times: Default::default(),
        };
        Part {
            counted: "rows",
            unit: "row",
            sizes: [1, 10, 100, 1000, 10_000, 100_000].map(size).into(),
        }
    }

    pub(crate) fn columns() -> Self {
        let size = |(columns, operations)| Size {
            count: columns,
            rows: WIDE_ROWS,
            values: WIDE_ROWS * columns,
            units: WIDE_ROWS * columns,
            operations,
            times: Default::default(),
        };
        let tables = [
            (1, all::<Of1>()),
            (2, all::<Of2>()),
            (5, all::<Of5>()),
            (10, all::<Of10>()),
            (20, all::<Of20>()),
            (50, all::<Of50>()),
        ];
        Part {
            counted: "columns",
            unit: "value",
            sizes: tables.map(size).into(),
        }
    }

    /// Measures each operation at each size once more.
    pub(crate) fn measure(&mut self) {
        let mut servers = Fresh(None);
        for size in &mut self.sizes {
            for (&operation, times) in size.operations.iter().zip(&mut size.times) {
                let world = servers.for_values(size.values);
                let outcome = measure(&case(operation, size.rows), world, Rounds::exactly(1), &|_, _| {});
                times.push(outcome.sides[0].1.as_secs_f64());
            }
        }
    }

    /// A line for each operation.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let name = |at: usize| self.sizes.first().map_or("", |size| size.operations[at].0);
        let line = |at| Line {
            name: name(at),
            points: self
                .sizes
                .iter()
                .map(|size| (size.count as f64, median(size.times[at].clone())))
                .collect(),
        };
        (0..4).map(line).collect()
    }
}

/// Servers that have little left to write. One that has filled its log makes the next operation wait, so that a table
/// of 50 columns would look seven times as slow after one of 100,000 rows.
struct Fresh(Option<World>);

/// Values of an operation after which a server is not used again.
const MANY: u64 = 20_000;

impl Fresh {
    fn for_values(&mut self, values: u64) -> &World {
        if values > MANY {
            // The old ones end first.
            self.0 = None;
        }
        self.0.get_or_insert_with(World::new)
    }
}

/// As Markdown.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        write!(f, "| {:>8} |", self.counted)?;
        for line in &lines {
            write!(f, " {:>21} |", format!("{}, by the {}", line.name, self.unit))?;
        }
        write!(f, "\n|---------:|")?;
        for _ in &lines {
            write!(f, "----------------------:|")?;
        }
        for (at, size) in self.sizes.iter().enumerate() {
            write!(f, "\n| {:>8} |", thousands(size.count))?;
            for line in &lines {
                let time = line.points[at].1;
                let [whole, each] = [time, time / size.units as f64].map(Duration::from_secs_f64).map(shown);
                write!(f, " {whole:>9}, {each:>10} |")?;
            }
        }
        Ok(())
    }
}
