//! Tables of any number of columns, half of them integers and half texts.

use headwater::prelude::*;

use crate::support::users::{User, user};

/// An entity with as many different rows as are asked for.
pub(crate) trait Numbered: Entity {
    /// The row of this number, without a key.
    fn numbered(n: u64) -> Self;

    /// Gives the row of this number values that it had in no turn before.
    fn change(&mut self, n: u64, turn: u64);
}

/// Two of its six columns change, as in `flush_update`.
impl Numbered for User {
    fn numbered(n: u64) -> Self {
        user(usize::try_from(n).unwrap_or_default())
    }

    fn change(&mut self, n: u64, turn: u64) {
        self.name = format!("Changed {turn} {n}");
        // None that a row has at first.
        self.age = u32::try_from(1000 + (n + turn) % 1_000_000).ok();
    }
}

/// Farther apart than the numbers of any rows.
const TURN: u64 = 1_000_000;

/// A text as long as all others, so that only the number of columns differs.
fn text(n: u64, column: &str) -> String {
    format!("Text {column:<3} {n:012}")
}

macro_rules! tables {
    ($($entity:ident $table:literal: $($number:ident)*; $($text:ident)*.)*) => {$(
        #[derive(Debug, Clone, PartialEq, Table)]
        #[table(name = $table)]
        pub(crate) struct $entity {
            #[column(id)]
            id: u64,
            $($number: u64,)*
            $($text: String,)*
        }
        impl Entity for $entity {}

        /// All its columns change.
        impl Numbered for $entity {
            fn numbered(n: u64) -> Self {
                $entity {
                    id: 0,
                    $($number: n,)*
                    $($text: text(n, stringify!($text)),)*
                }
            }

            fn change(&mut self, n: u64, turn: u64) {
                let n = n + turn * TURN;
                $(self.$number = n;)*
                $(self.$text = text(n, stringify!($text));)*
            }
        }
    )*};
}

tables! {
    Of1 "bench_of_1": n1; .
    Of2 "bench_of_2": n1; t1.
    Of5 "bench_of_5": n1 n2 n3; t1 t2.
    Of10 "bench_of_10": n1 n2 n3 n4 n5; t1 t2 t3 t4 t5.
    Of20 "bench_of_20": n1 n2 n3 n4 n5 n6 n7 n8 n9 n10; t1 t2 t3 t4 t5 t6 t7 t8 t9 t10.
    Of50 "bench_of_50":
        n1 n2 n3 n4 n5 n6 n7 n8 n9 n10 n11 n12 n13 n14 n15 n16 n17 n18 n19 n20 n21 n22 n23 n24 n25;
        t1 t2 t3 t4 t5 t6 t7 t8 t9 t10 t11 t12 t13 t14 t15 t16 t17 t18 t19 t20 t21 t22 t23 t24 t25.
}
