//! The stand-in for SQL Server: enough of TDS on loopback for tiberius to log in and run statements, with faults that can
//! be set at any time, and a memory of every login and statement.
//!
//! It is not a T-SQL engine. It does not read the statements: a [`Model`] answers those that it knows by the name in their
//! first line, and refuses all others. So it proves nothing about T-SQL; it proves how the agent handles problems of the
//! connection.
//!
//! ```no_run
//! # async fn example(model: impl shopmaster_standins::tds::Model) -> std::io::Result<()> {
//! use shopmaster_standins::tds::{At, Fault, Settings, SqlServerSim};
//!
//! let server = SqlServerSim::start(Settings::default(), model).await?;
//! server.inject(Fault::error("acknowledge", 1205).once());
//! server.inject(Fault::cut("scan", At::InAnswer).times(2));
//! // … point a client at `server.address()` …
//! server.wait_for(|server| !server.logins().is_empty()).await;
//! # Ok(())
//! # }
//! ```
//!
//! Source: [MS-TDS]; the numbers in these modules are its sections.
//!
//! [MS-TDS]: https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-tds/

mod conversation;
mod databases;
mod delivery;
mod fault;
mod model;
mod record;
mod server;
mod settings;
mod shared;
mod shop;
#[cfg(test)]
mod tests;
mod tls;
mod wire;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};

use tokio::{net::TcpListener, task::JoinHandle};

pub use fault::{At, Fault, FaultKind, Point};
pub use model::{Answer, ColumnType, Model, ResultSet, SqlError, Statement, Value};
pub use record::{LoginRecord, Outcome, StatementRecord};
pub use settings::{DatabaseState, Encryption, Settings, UserAccess, Way};
pub use shop::SqliteShop;
pub use tls::Certificate;

use shared::Shared;

/// A running stand-in. Clones are the same one; it stops when the last of them is dropped.
#[derive(Debug, Clone)]
pub struct SqlServerSim {
    shared: Arc<Shared>,
    server: Arc<Server>,
}

/// The task that listens; absent while the stand-in is offline.
#[derive(Debug)]
struct Server {
    address: SocketAddr,
    task: Mutex<Option<JoinHandle<()>>>,
    connections: Arc<AtomicU64>,
    shared: Arc<Shared>,
}

impl SqlServerSim {
    /// Starts on 127.0.0.1, on a port that the system chooses.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn start(settings: Settings, model: impl Model) -> io::Result<Self> {
        let listener = server::listen(0).await?;
        let shared = Arc::new(Shared::new(settings, model));
        let server = Arc::new(Server {
            address: listener.local_addr()?,
            task: Mutex::new(None),
            connections: Arc::default(),
            shared: Arc::clone(&shared),
        });
        server.run(listener);
        Ok(Self { shared, server })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// The address in the form of the configuration: `127.0.0.1,PORT`.
    #[must_use]
    pub fn server_name(&self) -> String {
        let address = self.server.address;
        format!("{},{}", address.ip(), address.port())
    }

    /// Closes the port and all connections.
    pub async fn go_offline(&self) {
        let task = self.server.take();
        if let Some(task) = task {
            task.abort();
            // It ends cancelled, and then the port is free.
            let _cancelled = task.await;
        }
    }

    /// Restarts and listens again on the same port after [`go_offline`](Self::go_offline).
    ///
    /// # Errors
    ///
    /// When another program has taken the port.
    pub async fn go_online(&self) -> io::Result<()> {
        self.go_offline().await;
        let listener = server::listen(self.server.address.port()).await?;
        self.shared.change(|memory| memory.databases.restart());
        self.server.run(listener);
        Ok(())
    }

    /// Closes all current connections. New ones are accepted.
    pub fn disconnect_all(&self) {
        self.shared.cut_all();
    }

    /// Like `ALTER DATABASE … SET SINGLE_USER WITH ROLLBACK IMMEDIATE`: closes the connections that use the shop's
    /// database, but not the others. Returns the number of closed connections.
    pub fn throw_out(&self) -> usize {
        self.shared.change(|memory| {
            memory.settings.access = UserAccess::Single;
            memory.databases.throw_out()
        })
    }

    /// How many sessions are in the shop's database now.
    #[must_use]
    pub fn inside(&self) -> usize {
        self.shared.read().databases.inside()
    }

    /// How many connections have logged in and are still open.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.shared.read().databases.connected()
    }

    /// Adds a fault.
    pub fn inject(&self, fault: Fault) {
        self.shared.change(|memory| memory.faults.inject(fault));
    }

    /// Ends all faults. Stalled connections still stall until [`release`](Self::release).
    pub fn clear_faults(&self) {
        self.shared.change(|memory| memory.faults.clear());
    }

    /// Releases the stalled connections.
    pub fn release(&self) {
        self.shared.release();
    }

    /// How many connections stall now.
    #[must_use]
    pub fn stalled(&self) -> usize {
        self.shared.read().stalled
    }

    /// The settings now.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.shared.read().settings.clone()
    }

    /// Changes the settings.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        self.shared.change(|memory| change(&mut memory.settings));
    }

    /// All logins, in the order of arrival.
    #[must_use]
    pub fn logins(&self) -> Vec<LoginRecord> {
        self.shared.read().logins.clone()
    }

    /// All statements, in the order of arrival.
    #[must_use]
    pub fn statements(&self) -> Vec<StatementRecord> {
        self.shared.read().statements.clone()
    }

    /// The statements with this name, in the order of arrival.
    #[must_use]
    pub fn statements_named(&self, name: &str) -> Vec<StatementRecord> {
        let memory = self.shared.read();
        let records = memory.statements.iter();
        records
            .filter(|record| record.name.as_deref() == Some(name))
            .cloned()
            .collect()
    }

    /// The statements that the model does not know. A test that ends with one is not complete.
    #[must_use]
    pub fn unknown(&self) -> Vec<String> {
        let memory = self.shared.read();
        let records = memory.statements.iter();
        records
            .filter(|record| record.outcome == Outcome::Refused(SqlError::UNKNOWN_STATEMENT))
            .map(|record| record.text.clone())
            .collect()
    }

    /// Waits until `condition` is true, without a time limit. It is checked now, after each login and each end of a
    /// connection, and after each statement's arrival and effect.
    pub async fn wait_for(&self, condition: impl Fn(&Self) -> bool) {
        let mut changes = self.shared.changes();
        while !condition(self) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Server {
    fn run(&self, listener: TcpListener) {
        let task = tokio::spawn(server::serve(
            listener,
            Arc::clone(&self.shared),
            Arc::clone(&self.connections),
        ));
        let before = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(task);
        if let Some(before) = before {
            before.abort();
        }
    }

    fn take(&self) -> Option<JoinHandle<()>> {
        self.task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = self.take() {
            task.abort();
        }
    }
}
