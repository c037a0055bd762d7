//! A WAL that ends anywhere, as after a kill in the middle of a commit.

use std::{fs, fs::File};

use super::{opening::copy_of, *};

/// What `known` and `counts` say after a restart.
async fn state(journal: &Journal) -> (Vec<Known>, u64) {
    let ids = (1..=3).map(number).collect();
    let mut known = journal.known(ids).await.unwrap();
    for known in &mut known {
        // Each start begins the window again.
        if let Some(doubt) = &mut known.entry.doubt {
            doubt.lands_until = 1;
        }
    }
    let published = journal.counts().await.unwrap().published;
    assert_eq!(published, really_published(journal));
    (known, published)
}

#[tokio::test]
async fn a_wal_cut_anywhere_is_one_of_the_states_before() {
    let shop = Fixture::new();
    let [first, second, third] = [1, 2, 3].map(number);
    execute_alone(&shop.journal, "PRAGMA wal_checkpoint(TRUNCATE)");
    let mut states = Vec::new();
    let mut steps = Vec::new();
    for act in 0..=6 {
        let mut acknowledge = async |step: usize, id, digest| {
            let acknowledged = vec![acknowledged(id, digest)];
            let step = &mut steps[step];
            shop.journal.acknowledge(step, acknowledged).await.unwrap();
        };
        match act {
            0 => {}
            1 => steps.push(shop.begin(&[&first, &second]).await),
            2 => acknowledge(0, &first, 7).await,
            3 => steps.push(shop.begin(&[&third]).await),
            4 => acknowledge(0, &second, 8).await,
            5 => acknowledge(1, &third, 8).await,
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
