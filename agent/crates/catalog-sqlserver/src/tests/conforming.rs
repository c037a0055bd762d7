//! The behaviours of every catalog.

use shopmaster_catalog::{Catalog, Mapping, conformance, conforms};

use super::shop::{Shop, Till};

impl conformance::Shop for Shop {
    async fn open() -> Self {
        Self::usual().await
    }

    fn another(&self) -> Box<dyn Catalog> {
        Box::new(self.with(self.options.clone()))
    }

    fn mapped(&self, change: impl FnOnce(&mut Mapping)) -> Box<dyn Catalog> {
        let mut options = self.options.clone();
        change(&mut options.mapping);
        Box::new(self.with(options))
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

conforms!(
    Shop,
    "needs a SQL Server: set `SHOPMASTER_TEST_SQLSERVER` to a connection string"
);
