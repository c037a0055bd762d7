//! A database of its own on the server that `SHOPMASTER_TEST_SQLSERVER` names, for a test with a real engine.

use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use secrecy::ExposeSecret as _;
use shopmaster_standins::needs;
use tds_connect::{ConnectOptions, Connection, Encryption, Login, Trust, connect};

use crate::world::WorldBuilder;

/// The environment variable with an ADO connection string.
const VARIABLE: &str = "SHOPMASTER_TEST_SQLSERVER";
/// The name under which an administrator sees the connections.
const PROGRAM: &str = "shopMaster tests";
/// How long creating and dropping a database is retried: an engine creates one at a time, and notices late that a
/// connection is closed.
const PATIENCE: Duration = Duration::from_secs(30);

/// A database, and a connection of the shop's own program to it. It is dropped with this.
pub struct Database {
    options: ConnectOptions,
    till: Option<Connection>,
}

impl Database {
    /// A new database.
    ///
    /// # Errors
    ///
    /// When no server is named, or the database cannot be created.
    pub async fn create() -> Result<Self, String> {
        let server = env::var(VARIABLE).map_err(|_| needs::SQL_SERVER.to_owned())?;
        let mut options = ConnectOptions::from_ado(&server, PROGRAM)
            .ok_or_else(|| format!("`{VARIABLE}` is no connection string"))?;
        let begun = Instant::now();
        options.database = loop {
            let name = new_name();
            match run_in(&options, &format!("CREATE DATABASE [{name}]")).await {
                Ok(()) => break name,
                Err(error) if begun.elapsed() > PATIENCE => return Err(error),
                Err(_) => {}
            }
        };
        // From here on it is dropped, whatever happens.
        let mut database = Self {
            options,
            till: None,
        };
        let till = connect(&database.options).await;
        database.till = Some(till.map_err(|error| error.to_string())?);
        Ok(database)
    }

    /// Runs one batch as the shop's own program.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn run(&mut self, batch: &str) -> Result<(), String> {
        let till = self.till.as_mut().ok_or("no connection")?;
        run(till, batch).await
    }

    /// A world whose agent serves this database.
    #[must_use]
    pub fn served_by(&self, world: WorldBuilder) -> WorldBuilder {
        let options = &self.options;
        let world = world
            .set("catalog.kind", "sqlserver")
            .set("catalog.server", options.server.as_str())
            .set("catalog.database", options.database.as_str())
            .set("catalog.encryption", encryption(options.encryption))
            .set("catalog.trust", trust(options.trust));
        match &options.login {
            Login::Windows => world.set("catalog.auth", "windows"),
            Login::Sql { username, password } => {
                let password = password.as_ref().map(|it| it.expose_secret());
                world
                    .set("catalog.auth", "sql")
                    .set("catalog.username", username.as_str())
                    .env("SHOPMASTER_SQL_PASSWORD", password.unwrap_or_default())
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The connection first: a database that is in use cannot be dropped.
        self.till = None;
        let options = self.options.clone();
        let dropped = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.is_ok_and(|runtime| runtime.block_on(drop_database(&options)))
        });
        if !dropped.join().unwrap_or_default() {
            eprintln!(
                "the database `{}` could not be dropped",
                self.options.database
            );
        }
    }
}

async fn drop_database(options: &ConnectOptions) -> bool {
    let mut elsewhere = options.clone();
    "master".clone_into(&mut elsewhere.database);
    let name = &options.database;
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let Ok(mut master) = connect(&elsewhere).await else {
            continue;
        };
        // Not every engine has it.
        let alone = format!("ALTER DATABASE [{name}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE");
        let _ = run(&mut master, &alone).await;
        if run(&mut master, &format!("DROP DATABASE [{name}]"))
            .await
            .is_ok()
        {
            return true;
        }
    }
    false
}

async fn run_in(options: &ConnectOptions, batch: &str) -> Result<(), String> {
    let mut connection = connect(options).await.map_err(|error| error.to_string())?;
    run(&mut connection, batch).await
}

async fn run(connection: &mut Connection, batch: &str) -> Result<(), String> {
    let stream = connection.simple_query(batch).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let results = stream.into_results().await;
    results.map(drop).map_err(|error| error.to_string())
}

fn encryption(encryption: Option<Encryption>) -> &'static str {
    match encryption {
        None => "",
        Some(Encryption::Required) => "required",
        Some(Encryption::LoginOnly) => "login-only",
        Some(Encryption::None) => "none",
    }
}

fn trust(trust: Option<Trust>) -> String {
    match trust {
        None => String::new(),
        Some(Trust::System) => "system".to_owned(),
        Some(Trust::Any) => "any".to_owned(),
        Some(Trust::Pin(digest)) => {
            let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("pin:{digits}")
        }
    }
}

fn new_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    format!("shopmaster_e2e_{process}_{next}_{:08x}", fastrand::u32(..))
}
