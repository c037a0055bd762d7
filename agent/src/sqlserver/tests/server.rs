//! The real server that tests may use: the one that `SHOPMASTER_TEST_SQLSERVER` names.

use secrecy::SecretString;
use shopmaster_catalog::Columns;
use shopmaster_testkit::needs;

use crate::sqlserver::{Encryption, Login, SqlServerOptions, Trust};

/// The server of `SHOPMASTER_TEST_SQLSERVER`, an ADO connection string.
///
/// # Panics
///
/// When there is none, or it cannot be understood: a test that is not run must not look passed.
pub(crate) fn configured() -> SqlServerOptions {
    let text = std::env::var("SHOPMASTER_TEST_SQLSERVER").expect(needs::SQL_SERVER);
    from_ado(&text).expect("SHOPMASTER_TEST_SQLSERVER is no connection string")
}

/// What an ADO connection string says: `Server`, `User Id`, `Password`, `Database`, `Encrypt` and
/// `TrustServerCertificate`, with their other spellings. The table is `dbo.Products`. Other keys are
/// left alone.
pub(crate) fn from_ado(text: &str) -> Option<SqlServerOptions> {
    let mut options = SqlServerOptions {
        server: String::new(),
        database: "master".to_owned(),
        table: "dbo.Products".to_owned(),
        columns: Columns {
            id: "ProductID".to_owned(),
            name: "ProductName".to_owned(),
            price: "SellPrice".to_owned(),
        },
        price_digits: None,
        login: Login::Windows,
        encryption: None,
        trust: None,
        claimant: "test".to_owned(),
    };
    let (mut user, mut password) = (None, None);
    for pair in text.split(';').filter(|pair| !pair.trim().is_empty()) {
        let (key, value) = pair.split_once('=')?;
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "server" | "data source" | "addr" | "address" => options.server = value.to_owned(),
            "database" | "initial catalog" => options.database = value.to_owned(),
            "user id" | "uid" | "user" | "username" => user = Some(value.to_owned()),
            "password" | "pwd" => password = Some(SecretString::from(value)),
            "encrypt" => options.encryption = Some(encryption(value)?),
            "trustservercertificate" => {
                options.trust = Some(match yes(value)? {
                    true => Trust::Any,
                    false => Trust::System,
                });
            }
            _ => {}
        }
    }
    if let Some(username) = user {
        options.login = Login::Sql { username, password };
    }
    (!options.server.is_empty()).then_some(options)
}

fn encryption(value: &str) -> Option<Encryption> {
    match value.to_ascii_lowercase().as_str() {
        "optional" => Some(Encryption::LoginOnly),
        "mandatory" => Some(Encryption::Required),
        "danger_plaintext" => Some(Encryption::None),
        _ => Some(match yes(value)? {
            true => Encryption::Required,
            false => Encryption::LoginOnly,
        }),
    }
}

fn yes(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        _ => None,
    }
}

#[test]
fn an_ado_connection_string_is_understood() {
    let options = from_ado(
        "Server=127.0.0.1,1460;User Id=sa;Password=a=b;TrustServerCertificate=true;Database=shop",
    )
    .unwrap();
    assert_eq!(
        (options.server.as_str(), options.database.as_str()),
        ("127.0.0.1,1460", "shop")
    );
    assert_eq!(options.trust, Some(Trust::Any));
    assert_eq!(options.encryption, None);
    assert!(
        matches!(options.login, Login::Sql { username, password: Some(_) } if username == "sa")
    );
    assert!(from_ado("Database=shop").is_none());
    assert!(from_ado("what").is_none());
}
