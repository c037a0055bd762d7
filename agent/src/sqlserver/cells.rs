//! Values of the catalogue views' rows.

use tiberius::Row;

use super::fault::Work;

/// A text; NULL is empty.
pub(super) fn text(row: &Row, index: usize) -> Work<String> {
    let text: Option<&str> = row.try_get(index)?;
    Ok(text.unwrap_or_default().to_owned())
}

/// A whole number; NULL is zero.
pub(super) fn number(row: &Row, index: usize) -> Work<i32> {
    let number: Option<i32> = row.try_get(index)?;
    Ok(number.unwrap_or_default())
}
