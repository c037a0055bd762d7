//! Many keys in one statement, as constant texts: there are a few sizes, and the last key is repeated to fill a
//! size.
//!
//! SQL Server allows at most 2,100 parameters in one statement, and keeps a plan for each text.
//!
//! Source: <https://learn.microsoft.com/en-us/sql/sql-server/maximum-capacity-specifications-for-sql-server>.

use crate::key::KeyType;

/// How many keys a statement may have.
const SIZES: [usize; 4] = [1, 10, 100, 500];
/// How many keys one statement has, at most. Deleting this many rows stays far below the 5,000 locks at which
/// SQL Server locks the whole table instead.
pub(crate) const MAX_KEYS: usize = 500;
/// How many parameters one statement has, at most; the server allows some more.
const MAX_PARAMETERS: usize = 2_000;

/// The size of the statement for this many keys.
pub(crate) fn size(keys: usize) -> usize {
    SIZES
        .into_iter()
        .find(|size| keys <= *size)
        .unwrap_or(MAX_KEYS)
}

/// The keys of one statement, filled up with the last one.
pub(crate) fn padded<T>(keys: &[T]) -> impl Iterator<Item = &T> {
    let missing = size(keys.len()).saturating_sub(keys.len());
    keys.iter()
        .chain(keys.last().into_iter().cycle().take(missing))
}

/// How many keys of so many columns one statement has, at most.
pub(crate) fn most(width: usize) -> usize {
    let fits = |size: &&usize| **size * width <= MAX_PARAMETERS;
    SIZES.iter().rev().find(fits).copied().unwrap_or(1)
}

/// The rows of a table constructor of numbered values, each with one column of each type, which may be NULL:
/// `(1, CASE WHEN @P1 = 1 THEN CAST(@P2 AS int) END), …`.
pub(crate) fn numbered(types: &[&KeyType], size: usize) -> String {
    listed(size, |n| {
        let casts = types.iter().enumerate().map(|(column, key)| {
            let place = 2 * ((n - 1) * types.len() + column) + 1;
            key.cast_or_null(&format!("@P{place}"), &format!("@P{}", place + 1))
        });
        format!("({n}, {})", casts.collect::<Vec<_>>().join(", "))
    })
}

/// The rows of a table constructor: `(CAST(@P1 AS int)), …`.
pub(crate) fn keys(key: &KeyType, size: usize) -> String {
    listed(size, |n| format!("({})", key.cast(&format!("@P{n}"))))
}

/// The same with change ids: `(CAST(CAST(@P1 AS bigint) AS binary(8)), CAST(@P2 AS int)), …`.
pub(crate) fn changes(key: &KeyType, size: usize) -> String {
    listed(size, |n| {
        let (change, id) = (2 * n - 1, key.cast(&format!("@P{}", 2 * n)));
        format!("(CAST(CAST(@P{change} AS bigint) AS binary(8)), {id})")
    })
}

/// The same with the tables that the changes are of.
pub(crate) fn records(key: &KeyType, size: usize) -> String {
    listed(size, |n| {
        let (change, source, id) = (3 * n - 2, 3 * n - 1, key.cast(&format!("@P{}", 3 * n)));
        format!("(CAST(CAST(@P{change} AS bigint) AS binary(8)), CAST(@P{source} AS int), {id})")
    })
}

fn listed(size: usize, one: impl Fn(usize) -> String) -> String {
    (1..=size).map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_has_too_many_parameters() {
        for (width, keys) in [(1, 500), (4, 500), (5, 100), (16, 100), (32, 10)] {
            assert_eq!(most(width), keys, "{width}");
        }
    }

    #[test]
    fn keys_are_filled_up_to_a_size() {
        for (keys, size) in [(1, 1), (2, 10), (10, 10), (11, 100), (101, 500), (500, 500)] {
            let keys = (0..keys).collect::<Vec<_>>();
            let padded = padded(&keys).copied().collect::<Vec<_>>();
            assert_eq!(padded.len(), size);
            assert_eq!(padded[..keys.len()], keys);
            assert!(
                padded[keys.len()..]
                    .iter()
                    .all(|key| key == &keys[keys.len() - 1])
            );
        }
        assert_eq!(padded::<i64>(&[]).count(), 0);
    }
}
