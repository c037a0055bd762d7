//! ADO connection strings: `Server=shop,1433;User Id=sa;Password=…`.
//!
//! Source: <https://learn.microsoft.com/en-us/dotnet/api/microsoft.data.sqlclient.sqlconnection.connectionstring>.

use secrecy::SecretString;

use super::{ConnectOptions, Encryption, Login, Trust};

impl ConnectOptions {
    /// Parses an ADO connection string: `Server`, `User Id`, `Password`, `Database`, `Encrypt` and
    /// `TrustServerCertificate`, with their alternative spellings. Other keys are ignored. None when the text
    /// is not a connection string, or names no server.
    #[must_use]
    pub fn from_ado(text: &str, program: &'static str) -> Option<Self> {
        let mut options = Self {
            server: String::new(),
            database: "master".to_owned(),
            login: Login::Windows,
            encryption: None,
            trust: None,
            program,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ado_connection_string_is_understood() {
        let text = "Server=127.0.0.1,1460;User Id=sa;Password=a=b;TrustServerCertificate=true;Database=shop";
        let options = ConnectOptions::from_ado(text, "test").unwrap();
        assert_eq!(
            (options.server.as_str(), options.database.as_str()),
            ("127.0.0.1,1460", "shop")
        );
        assert_eq!(options.trust, Some(Trust::Any));
        assert_eq!(options.encryption, None);
        assert!(
            matches!(options.login, Login::Sql { username, password: Some(_) } if username == "sa")
        );
        assert!(ConnectOptions::from_ado("Database=shop", "test").is_none());
        assert!(ConnectOptions::from_ado("what", "test").is_none());
    }
}
