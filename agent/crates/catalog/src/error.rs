//! Why a call to the shop's database failed: a small set of causes with their remedies.

use std::{borrow::Cow, error, path::PathBuf};

use super::{Closed, ConnectFailure, Passing};

/// Code of [`CatalogError::BreaksProgram`].
pub const BREAKS_PROGRAM: &str = "CAPTURE_BREAKS_PROGRAM";

/// Why a call to the catalog failed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The database cannot be opened or does not answer.
    #[error("the shop's database `{database}` cannot be opened")]
    Unreachable {
        /// The database, as configured.
        database: String,
        /// What the driver said.
        #[source]
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// The server cannot be reached, or does not accept the login.
    #[error("the shop's database server `{server}` cannot be used")]
    Connect {
        /// The server, as configured.
        server: String,
        /// What exactly is wrong.
        #[source]
        cause: ConnectFailure,
    },
    /// The server answers, but accepts no logins to the database, or not the agent's.
    #[error("the shop's database `{database}` {state}")]
    Closed {
        /// The database, as configured.
        database: String,
        /// The state that the database is in.
        state: Closed,
    },
    /// The connection ended during a call. Nothing is lost: the agent retries.
    #[error("the connection to the shop's database was lost while trying to {operation}")]
    ConnectionLost {
        /// What was to be done, as a bare verb: `read the waiting changes`.
        operation: &'static str,
        /// What the driver said.
        #[source]
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// The database did not answer in time. Nothing is lost: the agent retries.
    #[error("the shop's database did not answer in time while trying to {0}")]
    TimedOut(&'static str),
    /// The database chose the agent's transaction as a deadlock victim. Nothing is lost: the agent retries.
    #[error("the shop's database chose shopMaster as a deadlock victim while trying to {0}")]
    Deadlock(&'static str),
    /// This login may not do what the operation needs.
    #[error("this login may not {operation} in the shop's database")]
    Denied {
        /// What was to be done, as a bare verb: `read the waiting changes`.
        operation: &'static str,
        /// What the database said.
        #[source]
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// The file does not exist.
    #[error("database file `{0}` not found")]
    NoFile(PathBuf),
    /// The product table does not exist.
    #[error("the shop's database has no table `{0}`")]
    NoTable(String),
    /// The product table does not exist, or the login may not see it.
    #[error("the shop's database has no table `{0}` that this login can see")]
    NoVisibleTable(String),
    /// The configured name, or what it refers to, cannot be a product table.
    #[error("`{table}` cannot be the product table: {reason}")]
    UnfitTable {
        /// As configured.
        table: String,
        /// Why not, for people.
        reason: String,
    },
    /// A mapped column does not exist.
    #[error("the table `{table}` has no column `{column}`")]
    NoColumn {
        /// The product table.
        table: String,
        /// The missing column.
        column: String,
    },
    /// The key is not NOT NULL, or not unique on its own.
    #[error("`{column}` cannot be the key of `{table}`: {reason}")]
    UnfitKey {
        /// The product table.
        table: String,
        /// The key column.
        column: String,
        /// What it lacks, for people.
        reason: String,
    },
    /// The price column holds no prices.
    #[error("`{column}` cannot be the price of `{table}`: {reason}")]
    UnfitPrice {
        /// The product table.
        table: String,
        /// The price column.
        column: String,
        /// What is wrong with it, for people.
        reason: String,
    },
    /// A condition does not fit its column.
    #[error("`{column}` of `{table}` cannot decide what is sold: {reason}")]
    UnfitCondition {
        /// The product table.
        table: String,
        /// The condition's column.
        column: String,
        /// What is wrong, for people.
        reason: String,
    },
    /// A table cannot be watched.
    #[error("`{watched}` cannot be watched: {reason}")]
    UnfitWatch {
        /// The table to watch, as configured.
        watched: String,
        /// What is wrong, for people.
        reason: String,
    },
    /// The table cannot be captured, only scanned.
    #[error("`{table}` cannot be captured, only scanned: {reason}")]
    ScanOnly {
        /// The product table.
        table: String,
        /// Why, for people.
        reason: String,
    },
    /// Scan mode is configured, in which nothing is installed.
    #[error("scan mode is on: nothing is installed in the shop's database")]
    ScanChosen,
    /// Installing would break the shop's own programs.
    #[error("capture cannot be installed on `{table}`: {reason}")]
    Unsafe {
        /// The product table.
        table: String,
        /// What would break, for people.
        reason: String,
    },
    /// A program of the shop writes in a way that the server rejects once the table has a trigger.
    #[error("a trigger on `{table}` would break one of the shop's programs: {reason}")]
    BreaksProgram {
        /// The product table.
        table: String,
        /// What was found, and what could not be examined, for people.
        reason: String,
    },
    /// The database is a copy that another server maintains.
    #[error("the database `{0}` is a copy that another server maintains")]
    Secondary(String),
    /// The call does not apply to this kind of database.
    #[error("{0}")]
    NotApplicable(&'static str),
    /// This user may not write where capture and the lock file need it.
    #[error("this user may not write to the shop's database `{database}`")]
    NoRights {
        /// The database, as configured.
        database: String,
        /// What could not be written.
        #[source]
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// The lock file that keeps other agents out could not be used.
    #[error("the lock file `{path}` cannot be used")]
    LockFile {
        /// Where it is.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// What has been dealt with could not be read from, or written to, the journal.
    #[error("cannot record which changes in the shop's ChangeLog have been dealt with")]
    Position(#[source] Box<dyn error::Error + Send + Sync>),
    /// Another agent serves this table.
    #[error("another shopMaster agent serves this shop's database ({0})")]
    Claimed(String),
    /// The server still keeps an earlier connection of this agent, which holds the lock. The agent
    /// retries.
    #[error(
        "the database server still keeps an earlier connection of this agent, which holds the lock ({0})"
    )]
    OwnConnection(String),
    /// An object of the shop's own has a name that shopMaster needs.
    #[error("`{0}` is already in the shop's database and does not belong to shopMaster")]
    NameTaken(String),
    /// The till keeps the database locked. Nothing is lost: the agent retries.
    #[error("another program keeps the shop's database locked: cannot {0}")]
    Busy(&'static str),
    /// Capture is not installed, or the ChangeLog cannot be read.
    #[error("capture is not installed in the shop's database")]
    NotInstalled,
    /// The test after installing did not see its own change.
    #[error("capture was installed but does not record changes: {0}")]
    Unproven(String),
    /// The file is not a database, or is incomplete.
    #[error("the shop's database `{database}` is damaged, or is not a database")]
    Damaged {
        /// The file's path.
        database: String,
        /// What the driver said.
        #[source]
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// Any other statement that failed.
    #[error("the shop's database failed to {operation}")]
    Statement {
        /// What was to be done, as a bare verb: `read the waiting changes`.
        operation: &'static str,
        /// What the driver said.
        #[source]
        source: Box<dyn error::Error + Send + Sync>,
    },
}

impl CatalogError {
    /// Whether the call is worth retrying in a moment: another program has locked the database, or the
    /// server is restarting.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Busy(_)
            | Self::Deadlock(_)
            | Self::ConnectionLost { .. }
            | Self::OwnConnection(_) => true,
            Self::Connect { cause, .. } => cause.passing == Passing::Soon,
            _ => false,
        }
    }

    /// Whether waiting may help, for an unknown time: the database, its server or the network is down, and
    /// nothing shows that a person has to change anything.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Busy(_)
            | Self::Deadlock(_)
            | Self::ConnectionLost { .. }
            | Self::TimedOut(_)
            | Self::Unreachable { .. }
            | Self::Closed { .. }
            | Self::OwnConnection(_)
            | Self::NoFile(_) => true,
            Self::Connect { cause, .. } => cause.passing != Passing::Never,
            Self::Denied { .. }
            | Self::NoTable(_)
            | Self::NoVisibleTable(_)
            | Self::UnfitTable { .. }
            | Self::NoColumn { .. }
            | Self::UnfitKey { .. }
            | Self::UnfitPrice { .. }
            | Self::UnfitCondition { .. }
            | Self::UnfitWatch { .. }
            | Self::ScanOnly { .. }
            | Self::ScanChosen
            | Self::Unsafe { .. }
            | Self::BreaksProgram { .. }
            | Self::Secondary(_)
            | Self::NotApplicable(_)
            | Self::NoRights { .. }
            | Self::LockFile { .. }
            | Self::Position(_)
            | Self::Claimed(_)
            | Self::NameTaken(_)
            | Self::NotInstalled
            | Self::Unproven(_)
            | Self::Damaged { .. }
            | Self::Statement { .. } => false,
        }
    }

    /// Whether the database did not answer at all.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::NoFile(_)
                | Self::Closed { .. }
                | Self::Connect { .. }
                | Self::ConnectionLost { .. }
                | Self::TimedOut(_)
        )
    }

    /// Whether the database is down in such a way that [`answers`](super::Catalog::answers) notices when it is
    /// back.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::NoFile(_) | Self::Closed { .. } => true,
            Self::Connect { cause, .. } => cause.is_away,
            _ => false,
        }
    }

    /// Whether the database is used exclusively for a while: nothing is wrong, and the agent waits.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        matches!(self, Self::Closed { state, .. } if state.is_reserved())
    }

    /// Whether the next attempt may succeed without help, so that the user need not be alarmed at once.
    #[must_use]
    pub fn may_be_hiccup(&self) -> bool {
        match self {
            Self::Connect { cause, .. } => cause.passing != Passing::Never,
            Self::Busy(_)
            | Self::Deadlock(_)
            | Self::OwnConnection(_)
            | Self::TimedOut(_)
            | Self::ConnectionLost { .. }
            | Self::Unreachable { .. }
            | Self::Damaged { .. }
            | Self::Statement { .. } => true,
            _ => false,
        }
    }

    /// What to do about it, for people.
    #[must_use]
    pub fn remedy(&self) -> Cow<'static, str> {
        match self {
            Self::Connect { cause, .. } => cause.remedy.clone(),
            _ => Cow::Borrowed(self.fixed_remedy()),
        }
    }

    fn fixed_remedy(&self) -> &'static str {
        match self {
            Self::Connect { .. } => "",
            Self::Denied { .. } => {
                "Grant the login the rights that docs/sql-server.md lists under \"Rights to grant\", then run `shopmasterctl test`"
            }
            Self::UnfitPrice { .. } => {
                "Set a column with numbers as the price with `shopmasterctl configure --column-price NAME`; if prices are text, say how they are written with `--price-text '1234.50'`; if the price is in another table, create a view and set it with `--table VIEW`: docs/your-table.md has examples"
            }
            Self::UnfitCondition { .. } => {
                "Set what is sold with `shopmasterctl configure --only 'COLUMN = VALUE'`, or sell every row with `--only ''`: docs/your-table.md has examples"
            }
            Self::UnfitWatch { .. } => {
                "Set the watched tables with `shopmasterctl configure --watch 'TABLE.KEY = COLUMN'`, or scan the view with `--watch ''`: docs/your-table.md has examples"
            }
            Self::ScanOnly { .. } => "Run `shopmasterctl configure --capture scan`",
            Self::ScanChosen => {
                "No action needed: the table is scanned at each interval. To capture changes instead, run `shopmasterctl configure --capture trigger` first"
            }
            Self::Unsafe { .. } => {
                "Fix what the message names, or run `shopmasterctl configure --capture scan`"
            }
            Self::BreaksProgram { .. } => {
                "Run `shopmasterctl configure --capture scan`. If none of the named programs writes to this table, or they know that it has triggers, run `shopmasterctl capture install --ignore-output`"
            }
            Self::Secondary(_) => {
                "Set the server that the shop's program writes to with `shopmasterctl configure --server NAME`"
            }
            Self::NotApplicable(_) => "",
            Self::ConnectionLost { .. } | Self::TimedOut(_) => {
                "If this happened only once, ignore it; otherwise check the network and the database server's load"
            }
            Self::Unreachable { .. } => {
                "Check that the database is running and that this user may open it, then run `shopmasterctl test`"
            }
            Self::Closed { state, .. } if state.is_reserved() => {
                "No action needed: shopMaster waits, and continues when the database is online and in multi-user mode again"
            }
            Self::Closed { .. } => {
                "The server's own error log says why: repair the database, or restore it from a backup"
            }
            Self::NoFile(_) => {
                "Set the path of the shop's database file with `shopmasterctl configure --path FILE`"
            }
            Self::NoTable(_) => {
                "Set the name of the product table with `shopmasterctl configure --table NAME`"
            }
            Self::NoVisibleTable(_) => {
                "Set the name of the product table with `shopmasterctl configure --table NAME`, or let the login see it: `GRANT SELECT, VIEW DEFINITION` on it"
            }
            Self::UnfitTable { .. } => {
                "Set the name of the product table with `shopmasterctl configure --table NAME`"
            }
            Self::NoColumn { .. } => {
                "Set the shop's columns with `shopmasterctl configure --column-id`, `--column-name` and `--column-price`; if one of them is in another table, create a view and set it with `--table VIEW`: docs/your-table.md has examples"
            }
            Self::UnfitKey { .. } => {
                "Set a column that is unique on its own with `shopmasterctl configure --column-id NAME`, or several columns that are unique together, or create a view with one row per product and set it with `--table VIEW`: docs/your-table.md has examples for each kind of table"
            }
            Self::NoRights { .. } => {
                "Give the user that runs shopMaster the right to write to the shop's database; for a file, also to its folder"
            }
            Self::LockFile { .. } => {
                "If no other agent serves this shop, delete the lock file; give the user that runs shopMaster the right to write to its folder"
            }
            Self::Position(_) => {
                "Free disk space, and check that this user may write to the journal's folder"
            }
            Self::Claimed(_) => "Stop the other agent: each shop has one agent",
            Self::OwnConnection(_) => {
                "No action needed: the server drops the broken connection after a few minutes. If this lasts, a second computer with the same name and folders may be serving the shop: stop that agent"
            }
            Self::NameTaken(_) => "Rename the shop's own object; shopMaster does not touch it",
            Self::Busy(_) | Self::Deadlock(_) => {
                "No action needed: shopMaster retries automatically"
            }
            Self::NotInstalled => "Run `shopmasterctl capture install`",
            Self::Unproven(_) => {
                "Run `shopmasterctl capture remove`, then `shopmasterctl capture install`; if this happens again, send support the output of both"
            }
            Self::Damaged { .. } => {
                "Check the path; if it is right, let the shop's program check the file, or restore it from a backup: shopMaster continues automatically"
            }
            Self::Statement { .. } => "Run `shopmasterctl test`, and look at `shopmasterctl logs`",
        }
    }

    /// A stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::NoFile(_) => "DATABASE_UNREACHABLE",
            Self::Closed { state, .. } if state.is_reserved() => "DATABASE_RESERVED",
            Self::Closed { .. } => "DATABASE_UNREACHABLE",
            Self::Connect { cause, .. } => cause.code,
            Self::ConnectionLost { .. } => "CONNECTION_LOST",
            Self::TimedOut(_) => "DATABASE_TIMEOUT",
            Self::Deadlock(_) => "DATABASE_DEADLOCK",
            Self::Denied { .. } => "DATABASE_DENIED",
            Self::UnfitPrice { .. } => "PRICE_UNFIT",
            Self::UnfitCondition { .. } => "CONDITION_UNFIT",
            Self::UnfitWatch { .. } => "WATCH_UNFIT",
            Self::ScanOnly { .. } => "SCAN_ONLY",
            Self::ScanChosen => "SCAN_CHOSEN",
            Self::Unsafe { .. } => "CAPTURE_UNSAFE",
            Self::BreaksProgram { .. } => BREAKS_PROGRAM,
            Self::Secondary(_) => "DATABASE_SECONDARY",
            Self::NotApplicable(_) => "NOT_APPLICABLE",
            Self::NoTable(_) | Self::NoVisibleTable(_) => "TABLE_MISSING",
            Self::UnfitTable { .. } => "TABLE_UNFIT",
            Self::NoColumn { .. } => "COLUMN_MISSING",
            Self::UnfitKey { .. } => "KEY_UNFIT",
            Self::NoRights { .. } => "DATABASE_READ_ONLY",
            Self::LockFile { .. } => "LOCK_FILE_FAILED",
            Self::Position(_) => "JOURNAL_FAILED",
            Self::Claimed(_) => "CATALOG_CLAIMED",
            Self::NameTaken(_) => "NAME_TAKEN",
            Self::Busy(_) | Self::OwnConnection(_) => "DATABASE_BUSY",
            Self::NotInstalled => "CAPTURE_NOT_INSTALLED",
            Self::Unproven(_) => "CAPTURE_UNPROVEN",
            Self::Damaged { .. } => "DATABASE_DAMAGED",
            Self::Statement { .. } => "DATABASE_FAILED",
        }
    }
}
