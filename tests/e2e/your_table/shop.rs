//! The databases in which the examples are tried.

use std::{path::PathBuf, time::Duration};

use rusqlite::Connection;
use shopmaster_harness::{
    database::Database,
    world::{World, WorldBuilder},
};

/// What an example says in SQL Server's words, and SQLite in others.
const ON_SQLITE: [(&str, &str); 6] = [
    ("(N'", "('"),
    (" N'", " '"),
    (" + ' ' + ", " || ' ' || "),
    ("'2026-12-01'", "datetime('now', 'localtime', '-1 hour')"),
    (
        "'2026-12-24 18:00:00'",
        "datetime('now', 'localtime', '+15 seconds')",
    ),
    ("CURRENT_TIMESTAMP", "datetime('now', 'localtime')"),
];
/// The times of an example, which have to be near.
const ON_SQL_SERVER: [(&str, &str); 2] = [
    ("'2026-12-01'", "DATEADD(hour, -1, CURRENT_TIMESTAMP)"),
    (
        "'2026-12-24 18:00:00'",
        "DATEADD(second, 40, CURRENT_TIMESTAMP)",
    ),
];

/// How long the shop's program waits for a lock, as such programs do.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Where an example is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    /// The engine that `SHOPMASTER_TEST_SQLSERVER` names.
    SqlServer,
}

/// A shop whose database has nothing yet.
pub enum Shop {
    File(Connection),
    Server(Box<Database>),
}

impl Shop {
    /// A world around such a shop. Account and database are configured, and no table.
    pub async fn start(kind: Kind) -> (Self, World) {
        let builder = World::builder()
            .products(0)
            .automatic()
            .set("catalog.table", "")
            .set("sync.interval", "1s")
            .set("sync.probe", "100ms");
        match kind {
            Kind::Sqlite => Self::in_a_file(builder).await,
            Kind::SqlServer => {
                let database = Box::new(Database::create().await.unwrap());
                // A real engine has other tests to serve at the same time.
                let builder = database.served_by(builder).set("sync.probe", "500ms");
                let world = builder.start().await.unwrap();
                (Self::Server(database), world)
            }
        }
    }

    async fn in_a_file(builder: WorldBuilder) -> (Self, World) {
        // The file has to have its name before the world has its folder.
        let mut world = builder.prepare().await.unwrap();
        let path: PathBuf = world.home().join("pos.db");
        let connection = Connection::open(&path).unwrap();
        connection.busy_timeout(BUSY_TIMEOUT).unwrap();
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .unwrap();
        let path = path.to_string_lossy().into_owned();
        world
            .reconfigure(|config| {
                config.set("catalog.path", path);
            })
            .await
            .unwrap();
        (Self::File(connection), world)
    }

    /// Runs statements, each as a batch of its own.
    pub async fn run(&mut self, sql: &str) -> Result<(), String> {
        for statement in statements(sql) {
            let done = match self {
                Self::File(connection) => {
                    let statement = replaced(&statement, &ON_SQLITE);
                    let done = connection.execute_batch(&statement);
                    done.map_err(|error| error.to_string())
                }
                Self::Server(database) => database.run(&replaced(&statement, &ON_SQL_SERVER)).await,
            };
            done.map_err(|error| format!("{error}: {statement}"))?;
        }
        Ok(())
    }
}

fn replaced(statement: &str, words: &[(&str, &str)]) -> String {
    let mut statement = statement.to_owned();
    for (word, other) in words {
        statement = statement.replace(word, other);
    }
    statement
}

/// The statements of a text, without comments.
fn statements(sql: &str) -> Vec<String> {
    let (mut statements, mut statement) = (Vec::new(), String::new());
    let (mut is_text, mut is_comment) = (false, false);
    let mut characters = sql.chars().peekable();
    while let Some(c) = characters.next() {
        is_comment = match is_comment {
            true => c != '\n',
            false => !is_text && c == '-' && characters.peek() == Some(&'-'),
        };
        if is_comment {
            continue;
        }
        if c == '\'' {
            is_text = !is_text;
        }
        match c {
            ';' if !is_text => statements.push(std::mem::take(&mut statement)),
            c => statement.push(c),
        }
    }
    statements.push(statement);
    statements.retain(|statement| !statement.trim().is_empty());
    statements
}

#[test]
fn statements_end_outside_of_texts_and_comments() {
    let sql = "-- a; b\nINSERT INTO T VALUES ('a;b', 'it''s;');   -- c;\nDELETE FROM T";
    let found: Vec<_> = statements(sql)
        .iter()
        .map(|it| it.trim().to_owned())
        .collect();
    assert_eq!(
        found,
        ["INSERT INTO T VALUES ('a;b', 'it''s;')", "DELETE FROM T"]
    );
}
