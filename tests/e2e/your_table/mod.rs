//! Shops whose tables are not as shopMaster would like them: the examples of `docs/your-table.md`, and schemas that real
//! programs have.
//!
//! Each is configured by one command, sent, changed through each of its tables, and up to date at the end; on SQLite, and
//! on a real SQL Server where one is named.

pub mod example;
pub mod page;
pub mod shop;

/// A test for each example, on SQLite and on a real SQL Server, and the list of their headings.
macro_rules! examples {
    ($page:expr; $($name:ident: $heading:literal,)*) => {
        const HEADINGS: &[&str] = &[$($heading),*];

        mod sqlite {
            use crate::your_table::{example, shop::Kind};

            $(
                #[tokio::test]
                async fn $name() {
                    example::try_section($page, $heading, Kind::Sqlite).await;
                }
            )*
        }

        mod sql_server {
            use crate::your_table::{example, shop::Kind};

            $(
                #[tokio::test]
                #[ignore = "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"]
                async fn $name() {
                    example::try_section($page, $heading, Kind::SqlServer).await;
                }
            )*
        }
    };
}

mod examples;
mod schemas;
