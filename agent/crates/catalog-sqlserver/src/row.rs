//! Values from the rows of the catalog views.

use tiberius::Row;

use super::error::QueryResult;

/// A text; NULL becomes an empty string.
pub(crate) fn text(row: &Row, index: usize) -> QueryResult<String> {
    let text: Option<&str> = row.try_get(index)?;
    Ok(text.unwrap_or_default().to_owned())
}

/// A whole number; NULL becomes zero.
pub(crate) fn number(row: &Row, index: usize) -> QueryResult<i32> {
    let number: Option<i32> = row.try_get(index)?;
    Ok(number.unwrap_or_default())
}

/// A whole number from 0 to 255; zero when it is not.
pub(crate) fn small(row: &Row, index: usize) -> QueryResult<u8> {
    Ok(u8::try_from(number(row, index)?).unwrap_or(0))
}

/// Whether a number is one.
pub(crate) fn flag(row: &Row, index: usize) -> QueryResult<bool> {
    Ok(number(row, index)? == 1)
}

/// A property that not every server supports: zero when this one does not, or when it is NULL.
pub(crate) fn property_of(row: &Row, name: &str) -> u8 {
    if !row.columns().iter().any(|column| column.name() == name) {
        return 0;
    }
    match row.try_get::<bool, _>(name) {
        Ok(flag) => u8::from(flag == Some(true)),
        Err(_) => match row.try_get::<u8, _>(name) {
            Ok(number) => number.unwrap_or_default(),
            Err(_) => {
                let number: Option<i32> = row.try_get(name).ok().flatten();
                number.map_or(0, |number| u8::try_from(number).unwrap_or(u8::MAX))
            }
        },
    }
}
