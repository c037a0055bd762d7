//! The configuration file: typed values with defaults. Reading is strict, and writing keeps what else is in the file.
//!
//! File, environment and control plane all change it through [`Config::set`], key by key, so that every error names
//! the key, the value and the allowed values.

use std::{net::SocketAddr, time::Duration};

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as duration_text;
use serde::{Deserialize, Serialize};
use shopmaster_catalog::SEPARATOR;
use shopmaster_secrets::StoreChoice;

mod change;
mod choices;
mod document;
mod edit;
mod environment;
mod keys;
mod limits;
mod load;
mod optional;
mod optional_duration;
mod optional_number;
mod save;
mod selection;

pub use change::Before;
pub use choices::{
    Auth, CaptureMode, CatalogKind, Encryption, LogLevel, RemovedProducts, Trust, Verify, WordError,
};
pub use edit::{Edit, Value};
pub use environment::environment;
pub use keys::KeyError;
pub use load::{ConfigError, Loaded, load};
pub use save::{SaveError, apply, save};
pub use selection::{
    ConditionConfig, KeyConfig, ListError, PriceTextConfig, ScalarConfig, TestConfig, WatchConfig,
};

/// The shortest default of the late window: servers and gateways on the way to Digible's database have timeouts of
/// their own, usually of a minute.
const SHORTEST_LATE_WINDOW: Duration = Duration::from_secs(120);

/// Everything that can be set. The default is an agent that is not configured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The shop's database.
    pub catalog: CatalogConfig,
    /// The Digible account.
    pub digible: DigibleConfig,
    /// When to sync.
    pub sync: SyncConfig,
    /// Remote management.
    pub remote: RemoteConfig,
    /// Where secrets are kept.
    pub secrets: SecretsConfig,
    /// Logging.
    pub log: LogConfig,
    /// The tray icon.
    pub tray: TrayConfig,
    /// The metrics.
    pub metrics: MetricsConfig,
}

/// The shop's database. Empty strings are not set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogConfig {
    /// Which database; none until configured.
    #[serde(with = "optional")]
    pub kind: Option<CatalogKind>,
    /// SQL Server: `host`, `host\instance` or `host,port`.
    pub server: String,
    /// SQL Server: the database's name.
    pub database: String,
    /// The product table, with its schema where it has one.
    pub table: String,
    /// SQL Server: how to log in.
    pub auth: Auth,
    /// SQL Server: the login's name.
    pub username: String,
    /// SQL Server: which part of a connection is encrypted; none for the default of the server.
    #[serde(with = "optional")]
    pub encryption: Option<Encryption>,
    /// SQL Server: which certificate is trusted; none for the default of the server.
    #[serde(with = "optional")]
    pub trust: Option<Trust>,
    /// SQLite: the database file, an absolute path.
    pub path: String,
    /// How changes are found.
    pub capture: CaptureMode,
    /// Decimal places of the prices that are sent; none for as many as the column has.
    #[serde(with = "optional_number")]
    pub price_digits: Option<u8>,
    /// How prices that are text are written; none for a decimal point and nothing else.
    #[serde(with = "optional")]
    pub price_text: Option<PriceTextConfig>,
    /// The values of the status column that products which are sold have; empty for any. A short form of `only`.
    pub sold_when: Vec<ScalarConfig>,
    /// Which rows are sold: those that meet every condition.
    pub only: Vec<ConditionConfig>,
    /// The tables that a view reads, whose changes are captured.
    pub watch: Vec<WatchConfig>,
    /// The shop's column names.
    pub columns: ColumnsConfig,
}

/// The shop's column names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColumnsConfig {
    /// The product's key.
    pub id: KeyConfig,
    /// What separates the values of a key of several columns in an id.
    pub separator: String,
    /// The product's name.
    pub name: String,
    /// The product's price.
    pub price: String,
    /// The product's QR code; the column need not exist.
    pub qr_code: String,
    /// The product's status; the column need not exist.
    pub status: String,
}

/// The Digible account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DigibleConfig {
    /// Address of Digible's API.
    pub base_url: String,
    /// The account's email; empty until configured.
    pub email: String,
    /// Products in one batch, 1 to 200.
    pub batch_size: u32,
    /// Requests in flight at once, 1 to 64.
    pub max_in_flight: u32,
    /// More waiting updates than this go through the batch endpoint.
    pub bulk_threshold: u32,
    /// An extra CA certificate file (PEM), an absolute path; empty for none.
    pub ca_file: String,
    /// How long one request may take.
    #[serde(with = "duration_text")]
    pub timeout: Duration,
    /// How long a request that was abandoned may still take effect; none for the default, see
    /// [`late_window`](Self::late_window).
    #[serde(with = "optional_duration")]
    pub late_window: Option<Duration>,
}

/// When to sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyncConfig {
    /// Whether syncs start automatically.
    pub automatic: bool,
    /// Time from the end of one regular sync to the start of the next.
    #[serde(with = "duration_text")]
    pub interval: Duration,
    /// Time from one check for changes to the next.
    #[serde(with = "duration_text")]
    pub probe: Duration,
    /// When the daily verify starts.
    pub verify: Verify,
    /// A verify asks before it sends more of the shop than this, in percent; at 100 it never asks.
    pub verify_limit: u32,
    /// What products that are gone from the shop mean for the state.
    pub removed: RemovedProducts,
}

/// Remote management.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RemoteConfig {
    /// The address to listen at; none turns it off.
    #[serde(with = "optional")]
    pub listen: Option<SocketAddr>,
    /// A file with the certificate to serve, as PEM, and what leads to its authority; empty for one that the agent makes.
    pub certificate: String,
    /// The private key of [`certificate`](Self::certificate), as PEM.
    pub key: String,
}

/// Where secrets are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretsConfig {
    /// The store.
    pub store: StoreChoice,
}

/// Logging.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// The least severe records that are logged.
    pub level: LogLevel,
}

/// The tray icon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrayConfig {
    /// Whether a notification appears when something needs attention.
    pub notifications: bool,
}

/// The metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// The loopback address to serve them at; none turns it off.
    #[serde(with = "optional")]
    pub listen: Option<SocketAddr>,
}

impl Config {
    /// The keys that must be set before the agent can work, such as `catalog.table`; empty when it is configured.
    ///
    /// Secrets are not part of the configuration, so they are not included.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let catalog = &self.catalog;
        let place: &[(&str, bool)] = match catalog.kind {
            None => &[("catalog.kind", true)],
            Some(CatalogKind::Sqlite) => &[("catalog.path", catalog.path.is_empty())],
            Some(CatalogKind::SqlServer) => &[
                ("catalog.server", catalog.server.is_empty()),
                ("catalog.database", catalog.database.is_empty()),
            ],
        };
        let rest = [
            ("catalog.table", catalog.table.is_empty()),
            ("digible.email", self.digible.email.is_empty()),
        ];
        place
            .iter()
            .chain(&rest)
            .filter(|(_, missing)| *missing)
            .map(|(path, _)| *path)
            .collect()
    }
}

impl Default for ColumnsConfig {
    fn default() -> Self {
        Self {
            id: KeyConfig::one("ProductID"),
            separator: SEPARATOR.to_owned(),
            name: "ProductName".to_owned(),
            price: "SellPrice".to_owned(),
            qr_code: "QrCode".to_owned(),
            status: "Status".to_owned(),
        }
    }
}

impl Default for DigibleConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.digible.one/v1/business".to_owned(),
            email: String::new(),
            batch_size: 200,
            max_in_flight: 8,
            bulk_threshold: 200,
            ca_file: String::new(),
            timeout: Duration::from_secs(30),
            late_window: None,
        }
    }
}

impl DigibleConfig {
    /// How long a request that was abandoned may still take effect: as configured, or else five times the timeout of a
    /// request, and at least two minutes.
    #[must_use]
    pub fn late_window(&self) -> Duration {
        let default = self.timeout.saturating_mul(5).max(SHORTEST_LATE_WINDOW);
        self.late_window.unwrap_or(default)
    }
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            automatic: true,
            interval: Duration::from_secs(120),
            probe: Duration::from_secs(2),
            verify: Verify::default(),
            verify_limit: 10,
            removed: RemovedProducts::default(),
        }
    }
}

impl Default for TrayConfig {
    fn default() -> Self {
        Self {
            notifications: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_agent_says_what_it_lacks() {
        let mut config = Config::default();
        assert_eq!(
            config.missing(),
            ["catalog.kind", "catalog.table", "digible.email"]
        );
        config.catalog.kind = Some(CatalogKind::SqlServer);
        config.catalog.table = "dbo.Products".to_owned();
        assert_eq!(
            config.missing(),
            ["catalog.server", "catalog.database", "digible.email"]
        );
        config.catalog.kind = Some(CatalogKind::Sqlite);
        config.catalog.path = "/shop.db".to_owned();
        config.digible.email = "shop@example.com".to_owned();
        assert!(config.missing().is_empty());
    }
}
