//! Writers and a reader at the same time.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use shopmaster_product::{ProductId, Row};

use super::{Shop, Till, scan, stocked};
use crate::{CatalogError, Change, Lookup};

/// How many statements each till runs.
const WRITES: u32 = 60;

/// Two tills write, as tills do, while the ChangeLog is being processed. At the end, what was read equals what
/// the table has.
pub async fn nothing_is_lost_while_tills_write<S: Shop>() {
    let shop = stocked::<S>().await;
    let mut copy = by_id(scan(&shop, 100).await);
    let seed = fastrand::u64(..);
    let writing = AtomicUsize::new(2);
    tokio::join!(
        write(&shop, 'A', seed, &writing),
        write(&shop, 'B', seed.wrapping_add(1), &writing),
        drain(&shop, &mut copy, &writing),
    );
    assert_eq!(copy, by_id(scan(&shop, 100).await), "seed {seed}");
}

async fn write<S: Shop>(shop: &S, who: char, seed: u64, writing: &AtomicUsize) {
    let mut till = shop.another_till().await;
    let mut random = fastrand::Rng::with_seed(seed);
    for n in 0..WRITES {
        let id = random.u32(0..=n);
        let sql = match random.u32(0..8) {
            0..=2 => format!("INSERT INTO Products VALUES ('{who}{n}', 'Soap', {n})"),
            3 => format!("UPDATE Products SET SellPrice = {n} WHERE ProductID = '{who}{id}'"),
            4 => format!(
                "UPDATE Products SET SellPrice = SellPrice + 1 WHERE ProductID LIKE '{who}%'"
            ),
            5 => format!("DELETE FROM Products WHERE ProductID = '{who}{id}'"),
            6 => format!(
                "UPDATE Products SET ProductID = '{who}new{n}' WHERE ProductID = '{who}{id}'"
            ),
            _ => {
                let end = random.choice(["COMMIT", "ROLLBACK"]).unwrap();
                format!(
                    "BEGIN TRANSACTION; UPDATE Products SET SellPrice = {n} WHERE ProductID = 'P1';
                     INSERT INTO Products VALUES ('{who}{n}', 'Tea', {n}); {end} TRANSACTION"
                )
            }
        };
        till.run(&sql).await;
        tokio::task::yield_now().await;
    }
    writing.fetch_sub(1, Ordering::SeqCst);
}

async fn drain<S: Shop>(shop: &S, copy: &mut BTreeMap<ProductId, Row>, writing: &AtomicUsize) {
    loop {
        let was_last = writing.load(Ordering::SeqCst) == 0;
        match work_off(shop, copy).await {
            Ok(0) if was_last => return,
            Ok(_) => {}
            Err(error) => assert!(error.is_passing(), "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

/// Processes the ChangeLog as the engine does: reads changes, then rows, then deletes the changes.
async fn work_off<S: Shop>(
    shop: &S,
    copy: &mut BTreeMap<ProductId, Row>,
) -> Result<usize, CatalogError> {
    let catalog = shop.catalog();
    let changes = catalog.pending(None, 20).await?;
    let keys = changes
        .iter()
        .map(|change| change.identity.key.clone())
        .collect::<Vec<_>>();
    let mut done = Vec::new();
    for (Change { identity, .. }, lookup) in changes.iter().zip(catalog.read(&keys).await?) {
        match lookup {
            Lookup::Found(row) => copy.insert(row.id.clone(), row),
            Lookup::Gone | Lookup::LeftOut(_) => copy.remove(&identity.key),
            Lookup::Locked => continue,
        };
        done.push(identity.clone());
    }
    catalog.acknowledge(&done).await?;
    Ok(changes.len())
}

fn by_id(rows: Vec<Row>) -> BTreeMap<ProductId, Row> {
    rows.into_iter().map(|row| (row.id.clone(), row)).collect()
}
