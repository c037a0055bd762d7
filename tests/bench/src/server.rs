//! The T-SQL engine of `SHOPMASTER_TEST_SQLSERVER`, and a database for a bench on it.

use std::env;

use shopmaster_harness::world::WorldBuilder;
use tiberius::{AuthMethod, Client, EncryptionLevel, ToSql};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use super::{BenchError, Figure};

/// The environment variable with an ADO-style connection string.
const VARIABLE: &str = "SHOPMASTER_TEST_SQLSERVER";

/// How to connect to the engine as its administrator.
#[derive(Debug, Clone)]
pub(super) struct Server {
    host: String,
    port: u16,
    username: String,
    password: String,
}

/// A database for a bench. The caller must drop it.
#[derive(Debug)]
pub(super) struct Database {
    server: Server,
    name: String,
    pub(super) session: Session,
}

/// A connection to the engine.
#[derive(Debug)]
pub(super) struct Session(Client<Compat<TcpStream>>);

impl Server {
    /// The engine of the environment; none when the variable is not set.
    pub(super) fn from_environment() -> Option<Self> {
        Self::parse(&env::var(VARIABLE).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let value = |names: &[&str]| {
            text.split(';').find_map(|part| {
                let (name, value) = part.split_once('=')?;
                let name = name.trim().to_ascii_lowercase();
                names
                    .contains(&name.as_str())
                    .then(|| value.trim().to_owned())
            })
        };
        let server = value(&["server", "data source"])?;
        let server = server.trim_start_matches("tcp:");
        let (host, port) = server.split_once(',').unwrap_or((server, "1433"));
        Some(Self {
            host: host.to_owned(),
            port: port.parse().ok()?,
            username: value(&["user id", "uid", "user"])?,
            password: value(&["password", "pwd"])?,
        })
    }

    /// Creates a database.
    pub(super) async fn create(self, name: &str) -> Result<Database, BenchError> {
        let name = format!("{name}_{}", std::process::id());
        let mut master = self.connect("master").await?;
        master.run(&format!("CREATE DATABASE [{name}]")).await?;
        let session = self.connect(&name).await?;
        Ok(Database {
            server: self,
            name,
            session,
        })
    }

    /// Measures in a new database, and drops it.
    pub(super) async fn in_database(
        self,
        name: &str,
        measure: impl AsyncFnOnce(&mut Database) -> Result<Vec<Figure>, BenchError>,
    ) -> Result<Vec<Figure>, BenchError> {
        let mut database = self.create(name).await?;
        let measured = measure(&mut database).await;
        let dropped = database.drop().await;
        let figures = measured?;
        dropped?;
        Ok(figures)
    }

    /// The engine's version, on one line.
    pub(super) async fn version(&self) -> Result<String, BenchError> {
        let mut session = self.connect("master").await?;
        let version = session
            .text("SELECT CAST(@@VERSION AS nvarchar(300))")
            .await?;
        Ok(version.lines().next().unwrap_or_default().trim().to_owned())
    }

    async fn connect(&self, database: &str) -> Result<Session, BenchError> {
        let mut config = tiberius::Config::new();
        config.host(&self.host);
        config.port(self.port);
        config.database(database);
        config.encryption(EncryptionLevel::NotSupported);
        config.authentication(AuthMethod::sql_server(&self.username, &self.password));
        // Without a timeout, because filling and dropping a large database takes long.
        config.command_timeout(None);
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(tiberius::error::Error::from)?;
        stream
            .set_nodelay(true)
            .map_err(tiberius::error::Error::from)?;
        Ok(Session(
            Client::connect(config, stream.compat_write()).await?,
        ))
    }
}

impl Database {
    /// A world whose agent serves `dbo.Products` of this database.
    pub(super) fn served_by(&self, world: WorldBuilder) -> WorldBuilder {
        let server = &self.server;
        world
            .products(0)
            .set("catalog.kind", "sqlserver")
            .set("catalog.server", format!("{},{}", server.host, server.port))
            .set("catalog.database", self.name.as_str())
            .set("catalog.table", "dbo.Products")
            .set("catalog.auth", "sql")
            .set("catalog.username", server.username.as_str())
            .set("catalog.trust", "any")
            .env("SHOPMASTER_SQL_PASSWORD", &server.password)
    }

    /// Creates a table with this many products.
    pub(super) async fn fill(&mut self, table: &str, products: usize) -> Result<(), BenchError> {
        self.session
            .run(&format!(
                "CREATE TABLE dbo.{table} (
                ProductID varchar(25) NOT NULL PRIMARY KEY,
                ProductName varchar(75) NOT NULL,
                SellPrice numeric(18, 2) NOT NULL,
                QrCode varchar(100) NULL,
                Status int NOT NULL
            )"
            ))
            .await?;
        for first in (0..products).step_by(100_000) {
            let last = products.min(first + 100_000);
            self.session.run(&format!(
                "WITH digits AS (SELECT n FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS d (n)),
                numbers AS (
                    SELECT {first} + a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n AS n
                    FROM digits AS a, digits AS b, digits AS c, digits AS d, digits AS e
                )
                INSERT INTO dbo.{table} (ProductID, ProductName, SellPrice, QrCode, Status)
                SELECT
                    'P' + RIGHT('0000000' + CAST(n AS varchar(10)), 7),
                    'Product number ' + CAST(n AS varchar(10)),
                    CAST(n AS numeric(18, 2)) / 100 + 1,
                    'https://qr.example/' + CAST(n AS varchar(10)),
                    1
                FROM numbers WHERE n < {last}"
            ))
            .await?;
        }
        Ok(())
    }

    /// Another connection to the database.
    pub(super) async fn connect(&self) -> Result<Session, BenchError> {
        self.server.connect(&self.name).await
    }

    /// Drops the database.
    pub(super) async fn drop(self) -> Result<(), BenchError> {
        let mut master = self.server.connect("master").await?;
        self.session.0.close().await?;
        let drop = format!("DROP DATABASE [{}]", self.name);
        master.run(&drop).await
    }
}

impl Session {
    /// Runs a batch without parameters.
    pub(super) async fn run(&mut self, batch: &str) -> Result<(), BenchError> {
        self.0.simple_query(batch).await?.into_results().await?;
        Ok(())
    }

    /// Runs a statement with parameters.
    pub(super) async fn execute(
        &mut self,
        statement: &str,
        parameters: &[&dyn ToSql],
    ) -> Result<(), BenchError> {
        self.0.execute(statement, parameters).await?;
        Ok(())
    }

    /// The text of one cell.
    pub(super) async fn text(&mut self, query: &str) -> Result<String, BenchError> {
        let row = self.0.simple_query(query).await?.into_row().await?;
        let text = row.and_then(|row| row.get::<&str, _>(0).map(str::to_owned));
        Ok(text.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_gives_what_is_needed() {
        let server = Server::parse(
            "Server=tcp:127.0.0.1,1460;User Id=sa;Password=a=b;TrustServerCertificate=true",
        );
        let server = server.unwrap();
        assert_eq!((server.host.as_str(), server.port), ("127.0.0.1", 1460));
        assert_eq!(
            (server.username.as_str(), server.password.as_str()),
            ("sa", "a=b")
        );
        assert!(Server::parse("Server=127.0.0.1,x;User Id=sa;Password=p").is_none());
        assert!(Server::parse("Server=127.0.0.1").is_none());
    }
}
