//! The checks that see what the work will see: the first products as they would be sent, and what the database suggests
//! to configure.

use shopmaster_catalog::{Catalog, Check, Scanned, Suggestion, Verdict};
use shopmaster_digible::Item;
use shopmaster_product::{Problem, Row};
use shopmaster_view::{grouped, names::quoted, products};

use super::{core::Core, refused_rows::RefusedRows};

/// Rows that are read.
const PAGE: usize = 1_000;
/// Products that are shown as they would be sent.
const SAMPLES: usize = 3;
const PRODUCTS: &str = "catalog.products";
const SUGGESTIONS: &str = "catalog.suggestions";

/// The checks that read rows, made after `checks`: skipped when one of those has failed.
pub(super) async fn checks(core: &Core, checks: &[Check]) -> Vec<Check> {
    if checks.iter().any(|check| check.verdict == Verdict::Failed) {
        return vec![Check::skipped(PRODUCTS), Check::skipped(SUGGESTIONS)];
    }
    vec![
        first_page(core.catalog.as_ref()).await,
        suggestions(core).await,
    ]
}

/// Whether the first products can be sent, and some of them as they would be sent.
pub(super) async fn first_page(catalog: &dyn Catalog) -> Check {
    match catalog.scan_past_locks(None, PAGE).await {
        Ok(page) => judged(&page, catalog.leaves_rows_out()),
        Err(error) => Check::failed(PRODUCTS, &error),
    }
}

/// Says how many of the products can be sent, and shows some of them.
fn judged(page: &[Scanned], leaves_rows_out: bool) -> Check {
    let check = |verdict, text: String, remedy: &str| {
        Check::new(PRODUCTS, verdict, text, remedy.to_owned())
    };
    if page.is_empty() {
        let text = match leaves_rows_out {
            true => {
                "no row of the table is sold: no row meets the conditions, or the table is empty"
            }
            false => "the table has no rows",
        };
        let remedy = "Check the table, and `shopmasterctl configure --only` if it is set";
        return check(Verdict::Warning, text.to_owned(), remedy);
    }
    let rows = page.iter().filter_map(|row| match row {
        Scanned::Row(row) => Some(row),
        Scanned::Locked(_) => None,
    });
    let (mut samples, mut refused) = (Vec::new(), RefusedRows::default());
    let mut before: Option<&Row> = None;
    for row in rows {
        match problem(row, before) {
            Ok(body) if samples.len() < SAMPLES => samples.push(body),
            Ok(_) => {}
            Err(problem) => refused.add(&row.id, &problem),
        }
        before = Some(row);
    }
    let read = format!("read the first {}", products(page.len() as u64));
    let found = match refused.count {
        0 => check(Verdict::Ok, format!("{read}; all of them can be sent"), ""),
        count => check(
            Verdict::Warning,
            format!(
                "{read}; {} cannot be sent, such as {}",
                grouped(count),
                refused.examples.join("; ")
            ),
            "Fix them in the shop, or leave them out with `shopmasterctl configure --only`; the others are sent",
        ),
    };
    Check { samples, ..found }
}

/// The row as it would be sent, or why it cannot be.
fn problem(row: &Row, before: Option<&Row>) -> Result<String, Problem> {
    if before.is_some_and(|before| before.id == row.id) {
        return Err(Problem("another row has the same key".to_owned()));
    }
    let item = Item::new(row)?;
    Ok(String::from_utf8_lossy(&item.body).into_owned())
}

async fn suggestions(core: &Core) -> Check {
    let mut suggestions = match core.catalog.suggestions().await {
        Ok(suggestions) => suggestions,
        // They are only advice.
        Err(error) => {
            let text = format!("not known: {error}");
            return Check::new(SUGGESTIONS, Verdict::Skipped, text, String::new());
        }
    };
    let is_sent = core
        .journal
        .counts()
        .await
        .is_ok_and(|counts| counts.in_shop() > 0);
    // Another id would make every product a new one.
    suggestions.retain(|it| !is_sent || !matches!(it, Suggestion::Key { .. }));
    // What no trigger sees is found by scanning.
    let scans = core.scans() || core.options.scans_too;
    suggestions.retain(|it| !scans || !matches!(it, Suggestion::Unwatchable { .. }));
    let texts: Vec<_> = suggestions.iter().map(text).collect();
    let is_blind = |it: &Suggestion| match it {
        Suggestion::Unwatchable { .. } => true,
        // The other tables are captured, so that the view is not scanned either.
        Suggestion::Watch(_) => !scans,
        Suggestion::Only { .. } | Suggestion::Key { .. } => false,
    };
    let verdict = match suggestions.iter().any(is_blind) {
        true => Verdict::Warning,
        false => Verdict::Ok,
    };
    let (text, remedy) = match texts.is_empty() {
        true => ("nothing to suggest".to_owned(), ""),
        false => (
            texts.join("; "),
            "Run `shopmasterctl configure` on a terminal, which asks about each; docs/your-table.md explains them",
        ),
    };
    Check {
        suggestions,
        ..Check::new(SUGGESTIONS, verdict, text, remedy.to_owned())
    }
}

fn text(suggestion: &Suggestion) -> String {
    match suggestion {
        Suggestion::Only {
            condition,
            left_out,
            rows,
        } => format!(
            "`--only {}` would leave out {} of {}",
            argument(&flag(condition)),
            grouped(*left_out),
            products(*rows)
        ),
        Suggestion::Watch(watch) => {
            let (key, column) = (quoted(&watch.key), quoted(&watch.column));
            format!(
                "`--watch {}` would capture changes of a table that the view reads",
                argument(&format!("{}.{key} = {column}", watch.table))
            )
        }
        Suggestion::Unwatchable { table, reason } => {
            format!(
                "changes of `{table}` cannot be captured: {reason}; `--capture both` scans as well"
            )
        }
        Suggestion::Key { column, example } => {
            format!(
                "`--column-id {}` would make `{example}` a product's id at Digible",
                argument(&quoted(column))
            )
        }
    }
}

/// A flag's value in the quotes that every shell takes; in others where those would mean something to a shell.
fn argument(value: &str) -> String {
    match value.contains(['"', '$', '`', '\\']) && !value.contains('\'') {
        true => format!("'{value}'"),
        false => format!("\"{value}\""),
    }
}

/// The condition as a flag has it.
fn flag(condition: &shopmaster_catalog::Condition) -> String {
    use shopmaster_catalog::{Scalar, Test};
    let values = |values: &[Scalar]| {
        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
        values.join(", ")
    };
    let column = quoted(&condition.column);
    match &condition.test {
        Test::Is(list) => format!("{column} = {}", values(list)),
        Test::IsNot(list) => format!("{column} != {}", values(list)),
        Test::IsNull => format!("{column} is null"),
        Test::NotNull => format!("{column} is not null"),
    }
}

#[cfg(test)]
mod tests {
    use shopmaster_product::{Price, ProductId};

    use super::*;

    fn row(id: i64, price: Result<Price, Problem>) -> Scanned {
        Scanned::Row(Row {
            id: ProductId::Integer(id),
            name: Ok("tea".to_owned()),
            price,
        })
    }

    fn good(id: i64) -> Scanned {
        row(id, Ok(Price::new(150, 2).unwrap()))
    }

    #[test]
    fn the_first_products_are_shown_as_they_would_be_sent() {
        let check = judged(&[good(1), good(2), good(3), good(4)], false);
        assert_eq!(check.verdict, Verdict::Ok);
        assert_eq!(
            check.text,
            "read the first 4 products; all of them can be sent"
        );
        assert_eq!(check.samples.len(), 3);
        assert_eq!(
            check.samples[0],
            r#"{"productName":"tea","productPrice":"1.50","productId":1}"#
        );
    }

    #[test]
    fn a_product_that_cannot_be_sent_is_named() {
        let null = || Err(Problem("the price is NULL".to_owned()));
        let check = judged(&[good(1), row(2, null()), good(3), good(3)], false);
        assert_eq!(check.verdict, Verdict::Warning);
        assert_eq!(
            check.text,
            "read the first 4 products; 2 cannot be sent, such as `2`: the price is NULL; `3`: another row has the same key"
        );
    }

    #[test]
    fn an_empty_table_says_whether_a_condition_may_be_to_blame() {
        assert!(judged(&[], true).text.contains("conditions"));
        assert_eq!(judged(&[], false).text, "the table has no rows");
    }
}
