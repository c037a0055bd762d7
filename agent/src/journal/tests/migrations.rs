//! A step that was released is never changed.

use super::*;
use crate::journal::migrations;

#[test]
fn the_newest_schema_is_the_checked_in_one() {
    let shop = Fixture::new();
    let connection = shop.journal.connection.lock().unwrap();
    let objects = connection
        .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC, name")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<rusqlite::Result<Vec<String>>>()
        .unwrap()
        .join(";\n\n");
    let format = migrations::format(&connection).unwrap();
    let schema = format!("-- Format {format}\n\n{objects};\n");
    assert_eq!(schema, include_str!("schema.sql"));
    assert_eq!(format, migrations::NEWEST);
}

#[test]
fn steps_that_were_done_are_not_done_again() {
    let shop = Fixture::new();
    let mut connection = shop.journal.connection.lock().unwrap();
    migrations::run(&mut connection).unwrap();
    assert_eq!(migrations::format(&connection).unwrap(), migrations::NEWEST);
}
