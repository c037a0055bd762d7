//! A WAL that ends anywhere, as after a kill in the middle of a commit.

use std::{fs, fs::File};

use super::{opening::copy_of, *};

/// What `known` and `counts` say after a restart.
async fn state(journal: &Journal) -> (Vec<Known>, u64) {
    let ids = (1..=3).map(number).collect();
    let known = journal.known(ids).await.unwrap();
    let published = journal.counts().await.unwrap().published;
    assert_eq!(published, really_published(journal));
    (known, published)
}

#[tokio::test]
async fn a_wal_cut_anywhere_is_one_of_the_states_before() {
    let shop = Fixture::new();
    let [first, second, third] = [1, 2, 3].map(number);
    execute(&shop.journal, "PRAGMA wal_checkpoint(TRUNCATE)");
    let mut states = Vec::new();
    for act in 0..=6 {
        match act {
            0 => {}
            1 => shop.hand_over(&[&first, &second]).await,
            2 => shop.acknowledge(&[&first], 7, EARLY, LONG).await,
            3 => shop.hand_over(&[&third]).await,
            4 => shop.acknowledge(&[&second], 8, EARLY, LONG).await,
            5 => shop.acknowledge(&[&third], 8, EARLY, LONG).await,
            _ => shop.remove(&first).await,
        }
        states.push(state(&open(&copy_of(&shop)).journal).await);
    }

    let length = fs::metadata(wal_of(&shop.folder)).unwrap().len();
    let mut seen = Vec::new();
    for cut in (0..length).step_by(1009).chain([length]) {
        let copy = copy_of(&shop);
        File::options()
            .write(true)
            .open(wal_of(&copy))
            .unwrap()
            .set_len(cut)
            .unwrap();
        let opened = open(&copy);
        assert_eq!(opened.kept, None);
        seen.push(state(&opened.journal).await);
    }
    seen.dedup();
    assert_eq!(seen, states);
}

fn wal_of(folder: &TempDir) -> PathBuf {
    folder.path().join("journal.sqlite-wal")
}
