//! The real server that tests may use: the one that `SHOPMASTER_TEST_SQLSERVER` names.

use shopmaster_catalog::{Columns, KeyColumns, Mapping};
use shopmaster_standins::needs;
use tds_connect::ConnectOptions;

use crate::{SqlServerOptions, connect::PROGRAM};

/// The table `dbo.Products` on the server of `SHOPMASTER_TEST_SQLSERVER`, an ADO connection string.
///
/// # Panics
///
/// When there is none, or it cannot be understood: a test that is not run must not look passed.
pub(crate) fn configured() -> SqlServerOptions {
    let text = std::env::var("SHOPMASTER_TEST_SQLSERVER").expect(needs::SQL_SERVER);
    from_ado(&text).expect("SHOPMASTER_TEST_SQLSERVER is no connection string")
}

/// The table `dbo.Products` on the server of an ADO connection string.
pub(crate) fn from_ado(text: &str) -> Option<SqlServerOptions> {
    let options = ConnectOptions::from_ado(text, PROGRAM)?;
    Some(SqlServerOptions {
        server: options.server,
        database: options.database,
        mapping: Mapping::new(
            "dbo.Products",
            Columns {
                id: KeyColumns::one("ProductID"),
                name: "ProductName".to_owned(),
                price: "SellPrice".to_owned(),
            },
        ),
        login: options.login,
        encryption: options.encryption,
        trust: options.trust,
        claimant: "test".to_owned(),
    })
}
