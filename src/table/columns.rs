//! A set of a table's columns, as bits.

/// The most columns a table may have. The derive refuses more.
pub const MAX_COLUMNS: usize = 256;

const WORDS: usize = MAX_COLUMNS / 64;

/// A set of columns of one table by their position, without allocation.
///
/// ```
/// use headwater::table::ColumnSet;
///
/// let set = ColumnSet::of(&[0, 70]);
/// assert!(set.has(70) && !set.has(1));
/// assert_eq!(set.iter().collect::<Vec<_>>(), [0, 70]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ColumnSet([u64; WORDS]);

impl ColumnSet {
    /// No column.
    pub const EMPTY: ColumnSet = ColumnSet([0; WORDS]);

    /// These columns.
    ///
    /// # Panics
    ///
    /// When a position is [`MAX_COLUMNS`] or more; in a constant that does not compile.
    pub const fn of(columns: &[usize]) -> Self {
        let mut set = ColumnSet::EMPTY;
        let mut i = 0;
        while i < columns.len() {
            assert!(columns[i] < MAX_COLUMNS, "a table has at most 256 columns");
            set.0[columns[i] / 64] |= 1 << (columns[i] % 64);
            i += 1;
        }
        set
    }

    /// So many columns from the first on.
    pub(crate) fn first(columns: usize) -> Self {
        let mut set = ColumnSet::EMPTY;
        for (word, bits) in set.0.iter_mut().enumerate() {
            *bits = match columns.saturating_sub(word * 64) {
                0 => 0,
                left @ 1..64 => (1 << left) - 1,
                _ => u64::MAX,
            };
        }
        set
    }

    /// Adds a column. A position beyond [`MAX_COLUMNS`] is ignored.
    #[inline]
    pub fn insert(&mut self, column: usize) {
        if let Some(word) = self.0.get_mut(column / 64) {
            *word |= 1 << (column % 64)
        }
    }

    /// Takes a column out.
    #[inline]
    pub fn remove(&mut self, column: usize) {
        if let Some(word) = self.0.get_mut(column / 64) {
            *word &= !(1 << (column % 64))
        }
    }

    /// Whether the column is in the set.
    #[inline]
    pub const fn has(&self, column: usize) -> bool {
        column < MAX_COLUMNS && self.0[column / 64] & (1 << (column % 64)) != 0
    }

    /// Whether no column is in the set.
    #[inline]
    pub fn is_empty(&self) -> bool {
        *self == ColumnSet::EMPTY
    }

    /// Whether both have a column in common.
    #[inline]
    pub fn meets(&self, other: &ColumnSet) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    /// The columns of both.
    #[must_use]
    pub fn union(mut self, other: &ColumnSet) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
        self
    }

    /// The columns of this one that the other does not have.
    #[must_use]
    pub fn without(mut self, other: &ColumnSet) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a &= !b);
        self
    }

    /// How many columns.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The positions, ascending.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = usize> + use<> {
        let words = self.0;
        let (mut word, mut left) = (0, words[0]);
        std::iter::from_fn(move || {
            while left == 0 {
                word += 1;
                left = *words.get(word)?;
            }
            let bit = left.trailing_zeros() as usize;
            left &= left - 1;
            Some(word * 64 + bit)
        })
    }
}

impl FromIterator<usize> for ColumnSet {
    fn from_iter<I: IntoIterator<Item = usize>>(columns: I) -> Self {
        let mut set = ColumnSet::EMPTY;
        columns.into_iter().for_each(|column| set.insert(column));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_keeps_what_was_put_in() {
        let mut set = ColumnSet::EMPTY;
        for column in [0, 63, 64, 255] {
            set.insert(column)
        }
        assert_eq!(set.len(), 4);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 255]);
        set.remove(64);
        assert!(!set.has(64) && set.has(255));
        assert!(set.meets(&ColumnSet::of(&[255])));
        assert!(!set.meets(&ColumnSet::of(&[254])));
        for columns in [0, 1, 63, 64, 65, 256] {
            assert_eq!((0..columns).collect::<ColumnSet>(), ColumnSet::first(columns));
            assert_eq!(
                ColumnSet::first(columns).iter().collect::<Vec<_>>(),
                (0..columns).collect::<Vec<_>>()
            );
        }
        assert_eq!(
            set.without(&ColumnSet::of(&[0]))
                .union(&ColumnSet::of(&[1]))
                .iter()
                .collect::<Vec<_>>(),
            [1, 63, 255]
        );
    }
}
