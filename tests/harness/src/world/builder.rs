//! Builds the world of a test.

use std::{fs, path::Path};

use serde_json::Value;
use shopmaster_proto::{Folders, InstanceName};
use shopmaster_standins::{
    digible::{DigibleSim, SimOptions},
    shop::Shop,
    tds::{Settings, SqlServerSim, SqliteShop},
};

use super::{Config, ShopKind, World, WorldError};
use crate::programs::Programs;

/// The environment variable with the password of the Digible account.
const PASSWORD: &str = "SHOPMASTER_DIGIBLE_PASSWORD";
/// The environment variable with the password of the SQL login.
const SQL_PASSWORD: &str = "SHOPMASTER_SQL_PASSWORD";

/// Builds the world of a test.
///
/// The default: a shop of 100 products, the stand-in with its default settings, and an agent that has the password and
/// syncs only when asked. The shop is of the kind that the test program is for.
#[derive(Debug, Clone)]
pub struct WorldBuilder {
    products: usize,
    digible: SimOptions,
    edits: Config,
    environment: Vec<(String, String)>,
    configured: bool,
    icon: bool,
    kind: ShopKind,
}

impl World {
    /// A builder with the defaults.
    #[must_use]
    pub fn builder() -> WorldBuilder {
        WorldBuilder {
            products: 100,
            digible: SimOptions::default(),
            edits: Config::default(),
            environment: Vec::new(),
            configured: true,
            icon: false,
            kind: ShopKind::of_this_program(),
        }
    }
}

impl WorldBuilder {
    /// The shop's number of products.
    #[must_use]
    pub fn products(mut self, count: usize) -> Self {
        self.products = count;
        self
    }

    /// How the stand-in for Digible starts.
    #[must_use]
    pub fn digible(mut self, options: SimOptions) -> Self {
        self.digible = options;
        self
    }

    /// Sets one configuration key: `set("digible.email", "…")`.
    #[must_use]
    pub fn set(mut self, path: &str, value: impl Into<Value>) -> Self {
        self.edits.set(path, value);
        self
    }

    /// The agent checks for changes automatically, every second.
    #[must_use]
    pub fn automatic(self) -> Self {
        self.set("sync.automatic", true)
    }

    /// Sets one of the agent's environment variables.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes no configuration file and sets no password.
    #[must_use]
    pub fn unconfigured(mut self) -> Self {
        self.configured = false;
        self
    }

    /// The agent shows an icon on the session bus at this address, and keeps its login item in the
    /// world's own folder.
    #[must_use]
    pub fn icon(mut self, bus: &str) -> Self {
        self.icon = true;
        self.env("DBUS_SESSION_BUS_ADDRESS", bus)
    }

    /// How the agent reaches the shop.
    #[must_use]
    pub fn kind(mut self, kind: ShopKind) -> Self {
        self.kind = kind;
        self
    }

    /// Builds the world and starts the agent.
    ///
    /// # Errors
    ///
    /// When a part cannot be created or the agent does not answer.
    pub async fn start(self) -> Result<World, WorldError> {
        let mut world = self.prepare().await?;
        world.launch().await?;
        Ok(world)
    }

    /// Builds the world without starting the agent.
    ///
    /// # Errors
    ///
    /// When a part cannot be created.
    pub async fn prepare(self) -> Result<World, WorldError> {
        // First, because it blocks, and nothing else is running yet.
        let programs = Programs::build()?;
        let folder = tempfile::Builder::new().prefix("sm").tempdir();
        let folder = folder.map_err(WorldError::Files)?;
        let shop = Shop::create(folder.path().join("shop.db"), self.products)?;
        let mut environment = self.environment;
        if self.configured {
            environment.insert(
                0,
                (PASSWORD.to_owned(), self.digible.settings.password.clone()),
            );
        }
        let sql_server = match self.kind {
            ShopKind::Sqlite => None,
            ShopKind::SqlServer => {
                let model = SqliteShop::open(shop.path()).map_err(WorldError::Model)?;
                let server = SqlServerSim::start(Settings::default(), model).await;
                Some(server.map_err(WorldError::SqlServer)?)
            }
        };
        if let Some(server) = sql_server.as_ref().filter(|_| self.configured) {
            let password = server.settings().password;
            environment.insert(0, (SQL_PASSWORD.to_owned(), password));
        }
        let digible = DigibleSim::start(self.digible)
            .await
            .map_err(WorldError::Digible)?;
        let folders = Folders::below(folder.path(), &InstanceName::default());
        fs::create_dir_all(&folders.config).map_err(WorldError::Files)?;
        let mut config = defaults(&digible);
        config.extend(match &sql_server {
            Some(server) => over_tds(server),
            None => in_a_file(shop.path()),
        });
        config.extend(self.edits);
        if self.icon {
            let home = folder.path().to_string_lossy().into_owned();
            environment.push(("HOME".to_owned(), home.clone()));
            environment.push(("XDG_CONFIG_HOME".to_owned(), format!("{home}/.config")));
        }
        let world = World {
            agent: None,
            client: None,
            sql_server,
            digible,
            shop,
            programs,
            config,
            environment,
            icon: self.icon,
            folders,
            folder,
        };
        if self.configured {
            world.write_config()?;
        }
        Ok(world)
    }
}

fn in_a_file(shop: &Path) -> Config {
    let mut config = Config::default();
    config
        .set("catalog.kind", "sqlite")
        .set("catalog.path", shop.to_string_lossy());
    config
}

fn over_tds(server: &SqlServerSim) -> Config {
    let settings = server.settings();
    let mut config = Config::default();
    config
        .set("catalog.kind", "sqlserver")
        .set("catalog.server", server.server_name())
        .set("catalog.database", settings.database)
        .set("catalog.auth", "sql")
        .set("catalog.username", settings.username)
        .set("catalog.encryption", "none");
    config
}

fn defaults(digible: &DigibleSim) -> Config {
    let mut config = Config::default();
    config
        .set("catalog.table", "Products")
        .set("digible.base_url", digible.base_url())
        .set("digible.email", digible.settings().email)
        .set("digible.timeout", "2s")
        .set("digible.late_window", "3s")
        .set("sync.automatic", false)
        .set("sync.interval", "5s")
        .set("sync.probe", "1s")
        .set("sync.verify", "off")
        .set("secrets.store", "file");
    config
}
