//! The behaviours of every catalog.

use super::shop::{self, Shop, Till};
use crate::catalog::{
    Catalog,
    conformance::{self, conforms},
    sqlserver::SqlServerCatalog,
};

/// Capture made by hand.
const CAPTURE: [&str; 6] = [
    "CREATE SCHEMA shopmaster",
    "CREATE TABLE shopmaster.ChangeLog (
        ChangeID rowversion NOT NULL, ChangeType nvarchar(10) NOT NULL,
        ProductID varchar(25) NOT NULL, ChangeDateTime datetime NOT NULL
    )",
    "CREATE CLUSTERED INDEX ChangeLog_ChangeID ON shopmaster.ChangeLog (ChangeID)",
    "CREATE VIEW shopmaster.Pending WITH SCHEMABINDING AS
     SELECT c.ChangeID, c.ChangeType, c.ProductID, c.ChangeDateTime FROM shopmaster.ChangeLog AS c",
    "CREATE TABLE shopmaster.Owner (Journal nvarchar(64) NOT NULL, Generation bigint NOT NULL)",
    "CREATE TRIGGER shopmaster_capture ON Products AFTER INSERT, UPDATE, DELETE AS
     BEGIN
        SET NOCOUNT ON;
        INSERT INTO shopmaster.ChangeLog (ChangeType, ProductID, ChangeDateTime)
        SELECT CASE WHEN d.ProductID IS NULL THEN N'INSERT' WHEN i.ProductID IS NULL THEN N'DELETE' ELSE N'UPDATE' END,
            COALESCE(i.ProductID, d.ProductID), GETUTCDATE()
        FROM inserted AS i FULL JOIN deleted AS d ON d.ProductID = i.ProductID;
     END",
];

impl conformance::Shop for Shop {
    fn is_there() -> bool {
        shop::is_there()
    }

    async fn open() -> Self {
        Self::usual().await
    }

    async fn capture(&self) {
        for batch in CAPTURE {
            self.run(batch).await;
        }
    }

    fn another(&self) -> Box<dyn Catalog> {
        Box::new(SqlServerCatalog::new(self.options.clone()))
    }

    fn catalog(&self) -> &dyn Catalog {
        Shop::catalog(self)
    }

    async fn another_till(&self) -> impl conformance::Till {
        Shop::another_till(self).await
    }

    async fn till(&self, sql: &str) {
        self.run(sql).await;
    }

    async fn fill(&self, products: usize) {
        self.run(&format!(
            "WITH d AS (SELECT v.d FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS v (d)),
             n AS (SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS i
                   FROM d AS a CROSS JOIN d AS b CROSS JOIN d AS c CROSS JOIN d AS e CROSS JOIN d AS f)
             INSERT INTO Products (ProductID, ProductName, SellPrice)
             SELECT 'P' + RIGHT('0000' + CAST(n.i AS VARCHAR(10)), 5), 'Soap', 1500 FROM n WHERE n.i <= {products}"
        ))
        .await;
    }
}

impl conformance::Till for Till {
    async fn run(&mut self, sql: &str) {
        Till::run(self, sql).await;
    }
}

conforms!(Shop);
