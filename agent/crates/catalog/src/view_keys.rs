//! What the keys of a view say: no index keeps them apart, so they are counted.

use shopmaster_view as words;

use super::{
    KeyColumns,
    finding::{Finding, good, warning},
};

/// How many keys a view has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ViewKeys {
    /// Rows.
    pub rows: u64,
    /// Rows of which no part of the key is NULL.
    pub not_null: u64,
    /// Different keys among them.
    pub distinct: u64,
}

impl ViewKeys {
    /// The verdict on them.
    #[must_use]
    pub fn judge(self, columns: &KeyColumns) -> Finding {
        let nulls = self.rows.saturating_sub(self.not_null);
        let repeated = self.not_null.saturating_sub(self.distinct);
        let mut odd = Vec::new();
        if nulls > 0 {
            odd.push(format!(
                "{} of its rows have NULL as their key",
                words::grouped(nulls)
            ));
        }
        if repeated > 0 {
            odd.push(format!(
                "{} of its rows have a key that another row has",
                words::grouped(repeated)
            ));
        }
        if odd.is_empty() {
            return good(format!(
                "`{columns}` is different in each of the view's {}",
                words::noun(self.rows, "row")
            ));
        }
        warning(
            format!(
                "`{columns}` does not tell all rows of the view apart: {}",
                odd.join("; ")
            ),
            "These products are refused, and hold up no others. Change the view so that it has one row per product: docs/your-table.md has examples",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};

    fn judged(rows: u64, not_null: u64, distinct: u64) -> Finding {
        let keys = ViewKeys {
            rows,
            not_null,
            distinct,
        };
        keys.judge(&KeyColumns::one("Code"))
    }

    #[test]
    fn keys_that_are_missing_or_repeated_are_counted() {
        let good = judged(1_200, 1_200, 1_200);
        assert_eq!(good.verdict, Verdict::Ok);
        assert_eq!(
            good.text,
            "`Code` is different in each of the view's 1,200 rows"
        );
        let odd = judged(5, 4, 3);
        assert_eq!(odd.verdict, Verdict::Warning);
        assert_eq!(
            odd.text,
            "`Code` does not tell all rows of the view apart: 1 of its rows have NULL as their key; 1 of its rows have a key that another row has"
        );
    }
}
