//! Parses the configured names in the way that SQL Server does.

use shopmaster_catalog::{CatalogError, Result};
use shopmaster_view::names::parts;

use super::quote::identifier;

/// An optional schema, and a name: both without quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableName {
    /// The schema; none for the login's default schema, or `dbo`.
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

impl TableName {
    /// Parses `Products`, `dbo.Products`, `[a b].[c.d]]e]` or `"a b"."c""d"`. Spaces around a part do not
    /// belong to it. Any other character in a name just makes an odd name: a table with that name does not
    /// exist.
    ///
    /// # Errors
    ///
    /// [`CatalogError::UnfitTable`] for a name with three or more parts, with an empty part, or with quotes
    /// that do not match.
    ///
    /// Source: <https://learn.microsoft.com/en-us/sql/relational-databases/databases/database-identifiers>.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let unfit = |reason: &str| CatalogError::UnfitTable {
            table: text.to_owned(),
            reason: reason.to_owned(),
        };
        let parts = parts(text).ok_or_else(|| unfit("its brackets or quotes do not match"))?;
        if parts.iter().any(String::is_empty) {
            return Err(unfit("a part of its name is empty"));
        }
        match <[String; 2]>::try_from(parts) {
            Ok([schema, name]) => Ok(Self {
                schema: Some(schema),
                name,
            }),
            Err(mut parts) => match (parts.pop(), parts.is_empty()) {
                (Some(name), true) => Ok(Self { schema: None, name }),
                _ => Err(unfit(
                    "its name has more parts than a schema and a name; the database is a separate setting, and a name with a dot needs brackets",
                )),
            },
        }
    }

    /// The name, quoted for T-SQL.
    pub(crate) fn quoted(&self) -> String {
        let name = identifier(&self.name);
        match &self.schema {
            Some(schema) => format!("{}.{name}", identifier(schema)),
            None => name,
        }
    }
}

/// One spelling for each server: names of computers and instances are case-insensitive, and this computer has
/// many names.
pub(crate) fn one_spelling(server: &str) -> String {
    let server = server.trim().to_lowercase();
    let end = server.find(['\\', ',']).unwrap_or(server.len());
    let (host, rest) = server.split_at(end);
    let host = match host.trim() {
        "." | "(local)" => "localhost",
        host => host,
    };
    format!("{host}{}", rest.replace(' ', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_server_reads_them() {
        for (text, schema, name) in [
            ("Products", None, "Products"),
            ("dbo.Products", Some("dbo"), "Products"),
            (" dbo . Products ", Some("dbo"), "Products"),
            ("[my schema].[a]]b.c]", Some("my schema"), "a]b.c"),
            (r#""quoted"."x""y""#, Some("quoted"), "x\"y"),
            ("[Products]", None, "Products"),
            ("dbo.[Products of 'us']", Some("dbo"), "Products of 'us'"),
            ("All products", None, "All products"),
            ("Größen", None, "Größen"),
            ("[ a ]", None, " a "),
            (
                "Products]; DROP TABLE Products--",
                None,
                "Products]; DROP TABLE Products--",
            ),
            ("x' OR 1=1 --", None, "x' OR 1=1 --"),
        ] {
            let expected = TableName {
                schema: schema.map(str::to_owned),
                name: name.to_owned(),
            };
            assert_eq!(TableName::parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (text, reason) in [
            ("ProductsDB.dbo.Products", "a separate setting"),
            ("a.b.c.d", "a separate setting"),
            ("ProductsDB..Products", "is empty"),
            ("", "is empty"),
            ("  ", "is empty"),
            ("dbo.", "is empty"),
            (".Products", "is empty"),
            ("[]", "is empty"),
            ("[dbo.Products", "do not match"),
            ("[dbo]x.Products", "do not match"),
            ("\"Products", "do not match"),
            ("[Products]; DROP TABLE Products", "do not match"),
        ] {
            let error = TableName::parse(text).unwrap_err();
            assert!(
                matches!(&error, CatalogError::UnfitTable { reason: why, .. } if why.contains(reason)),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn a_name_is_quoted_again() {
        let quoted = |text| TableName::parse(text).unwrap().quoted();
        assert_eq!(quoted("[my schema].[a]]b.c]"), "[my schema].[a]]b.c]");
        assert_eq!(quoted("Products"), "[Products]");
    }

    #[test]
    fn a_server_has_one_spelling() {
        for (server, expected) in [
            (".", "localhost"),
            ("(local)", "localhost"),
            (" LOCALHOST ", "localhost"),
            (".\\SQLEXPRESS", "localhost\\sqlexpress"),
            ("(local) \\ SqlExpress", "localhost\\sqlexpress"),
            ("Till-1, 1433", "till-1,1433"),
            ("192.168.0.5", "192.168.0.5"),
        ] {
            assert_eq!(one_spelling(server), expected, "{server}");
        }
    }
}
