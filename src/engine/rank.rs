//! The order of tables: those that are referred to before those that refer to them.

use crate::table::TableDef;

/// The rank of each table: parents before children, otherwise by name. Tables in a circle, and the references
/// of a table to itself, are left to the plan of each flush.
pub(super) fn ranks(tables: &[&'static TableDef]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..tables.len()).collect();
    order.sort_by_key(|&i| tables[i].name);
    let parents = |i: usize| {
        let columns = tables[i].columns.iter().filter_map(|column| column.reference);
        columns
            .filter_map(|reference| tables.iter().position(|def| def.name == (reference.table)().name))
            .filter(move |&p| p != i)
    };
    let mut ranks = vec![u32::MAX; tables.len()];
    let mut next = 0;
    while ranks.contains(&u32::MAX) {
        let free = order
            .iter()
            .find(|&&i| ranks[i] == u32::MAX && parents(i).all(|p| ranks[p] != u32::MAX));
        // Where all that is left waits for each other, the first by name goes first.
        let first = free.or_else(|| order.iter().find(|&&i| ranks[i] == u32::MAX));
        let Some(&table) = first else { break };
        ranks[table] = next;
        next += 1;
    }
    ranks
}
