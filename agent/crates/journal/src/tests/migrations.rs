//! A step that was released is never changed.

use super::*;
use crate::migrations;

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

/// What a journal of the first format held of doubts stays in doubt, whatever kind it was.
#[tokio::test]
async fn a_journal_of_the_first_format_keeps_its_doubts() {
    let folder = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(file(&folder)).unwrap();
    connection
        .execute_batch(include_str!("../migrations/0001-first.sql"))
        .unwrap();
    connection
        .execute_batch(
            "PRAGMA user_version = 1;
             INSERT INTO meta VALUES ('account', 'a'), ('catalog', 'sqlite:/shop.db:products'),
                 ('published', 2);
             INSERT INTO product (id, published, acknowledged_at, doubt, doubt_due, upload) VALUES
                 (1, zeroblob(32), 5, 0, NULL, 3), (2, zeroblob(32), 5, 3, 99, 0),
                 (3, NULL, NULL, 1, NULL, 0), (4, NULL, NULL, 2, NULL, 0);
             INSERT INTO handed_over VALUES (5);",
        )
        .unwrap();
    drop(connection);
    let opened = open(&folder);
    assert_eq!(opened.kept, None);
    let journal = opened.journal;
    let known = journal.known((1..=5).map(number).collect()).await.unwrap();
    let doubts: Vec<_> = known
        .iter()
        .map(|known| known.entry.doubt.map(|doubt| doubt.lands_until > 0))
        .collect();
    assert_eq!(
        doubts,
        [None, Some(true), Some(false), Some(true), Some(true)]
    );
    assert_eq!(known[0].published(), Some(body(0)));
    assert_eq!(journal.counts().await.unwrap().published, 2);
}
