//! A till: random changes on a connection of its own, as a point-of-sale program makes them.

use std::path::Path;

use fastrand::Rng;
use rusqlite::OptionalExtension as _;

use super::{Shop, ShopError, failed, goods};

/// Changes products at random; the same seed makes the same changes.
#[derive(Debug)]
pub struct Till {
    shop: Shop,
    rng: Rng,
    added: usize,
}

/// A change by a till.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TillStep {
    /// It changed a price.
    Priced {
        /// The product.
        id: String,
        /// The new price with two decimals.
        price: String,
    },
    /// It changed a name.
    Renamed {
        /// The product.
        id: String,
        /// The new name.
        name: String,
    },
    /// It added a product.
    Added {
        /// The product.
        id: String,
    },
    /// It deleted a product.
    Deleted {
        /// The product.
        id: String,
    },
    /// It wrote a product without changing it.
    Rewritten {
        /// The product.
        id: String,
    },
}

impl Till {
    /// A till in the shop at `path`. Two tills in one shop need two seeds.
    ///
    /// # Errors
    ///
    /// When the shop does not exist.
    pub fn open(path: impl AsRef<Path>, seed: u64) -> Result<Self, ShopError> {
        Ok(Self {
            shop: Shop::open(path)?,
            rng: Rng::with_seed(seed),
            added: 0,
        })
    }

    /// Makes one change: usually a price; sometimes a new product, a name or a rewrite; rarely a deletion.
    ///
    /// # Errors
    ///
    /// When the database refuses, or another writer keeps it locked for too long.
    pub fn step(&mut self) -> Result<TillStep, ShopError> {
        let Some(id) = self.any_product()? else {
            return self.add();
        };
        match self.rng.u8(..100) {
            0..60 => {
                let price = goods::cents(self.rng.u64(1..100_000));
                self.shop.set_price(&id, &price)?;
                Ok(TillStep::Priced { id, price })
            }
            60..75 => self.add(),
            75..85 => {
                let name = goods::name(self.rng.usize(..10_000));
                self.shop.rename(&id, &name)?;
                Ok(TillStep::Renamed { id, name })
            }
            85..95 => {
                self.shop.rewrite(&id)?;
                Ok(TillStep::Rewritten { id })
            }
            _ => {
                self.shop.delete(&id)?;
                Ok(TillStep::Deleted { id })
            }
        }
    }

    fn add(&mut self) -> Result<TillStep, ShopError> {
        self.added += 1;
        let id = format!("T{:04x}-{:06}", self.rng.u16(..), self.added);
        let name = goods::name(self.rng.usize(..10_000));
        let price = goods::cents(self.rng.u64(1..100_000));
        self.shop.insert(&id, &name, &price)?;
        Ok(TillStep::Added { id })
    }

    /// A random product, found by its row number, which is fast even in a large shop.
    fn any_product(&mut self) -> Result<Option<String>, ShopError> {
        let random = self.rng.i64(0..i64::from(i32::MAX));
        self.shop
            .connection()
            .prepare_cached(
                "SELECT ProductID FROM Products
                 WHERE rowid > ?1 % (SELECT max(rowid) FROM Products)
                 ORDER BY rowid LIMIT 1",
            )
            .and_then(|mut statement| statement.query_row([random], |row| row.get(0)).optional())
            .map_err(failed("find a product", self.shop.path()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(seed: u64, count: usize) -> (Vec<TillStep>, Shop, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop::create(folder.path().join("shop.db"), 200).unwrap();
        let mut till = Till::open(shop.path(), seed).unwrap();
        let steps = (0..count).map(|_| till.step().unwrap()).collect();
        (steps, shop, folder)
    }

    #[test]
    fn the_same_seed_makes_the_same_changes() {
        assert_eq!(steps(1, 200).0, steps(1, 200).0);
        assert_ne!(steps(1, 200).0, steps(2, 200).0);
    }

    #[test]
    fn a_till_does_everything_and_says_what() {
        let (steps, shop, _folder) = steps(3, 500);
        let all = shop.all().unwrap();
        let count = |kind: fn(&TillStep) -> bool| steps.iter().filter(|step| kind(step)).count();
        let added = count(|step| matches!(step, TillStep::Added { .. }));
        let deleted = count(|step| matches!(step, TillStep::Deleted { .. }));
        assert_eq!(all.len(), 200 + added - deleted);
        assert!(added > 0 && deleted > 0);
        assert!(count(|step| matches!(step, TillStep::Renamed { .. })) > 0);
        assert!(count(|step| matches!(step, TillStep::Rewritten { .. })) > 0);

        let last = steps.iter().rev().find_map(|step| match step {
            TillStep::Priced { id, price } if all.contains_key(id) => Some((id, price)),
            _ => None,
        });
        let (id, price) = last.unwrap();
        assert_eq!(&all[id].price, price);
    }

    #[test]
    fn an_empty_shop_gets_products() {
        let folder = tempfile::tempdir().unwrap();
        let shop = Shop::create(folder.path().join("shop.db"), 0).unwrap();
        let mut till = Till::open(shop.path(), 1).unwrap();
        assert!(matches!(till.step().unwrap(), TillStep::Added { .. }));
        assert_eq!(shop.count().unwrap(), 1);
    }
}
