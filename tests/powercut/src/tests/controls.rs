//! That the tests can fail: a disk that does not heed syncs loses something, and is found out.

use super::*;
use crate::rebuild::Ignored;

/// How many cuts of how many are found out when these syncs do nothing.
async fn found_out(ignored: Ignored) -> (usize, usize) {
    let (mut found, mut all) = (0, 0);
    for seed in 1..=2 {
        let (life, mut random) = first_life(seed).await;
        for _ in 0..20 {
            let cut = life.cut(ignored, &mut random);
            all += 1;
            found += usize::from(Life::live(cut.image, cut.marks, &[]).await.is_err());
        }
    }
    println!("{ignored:?}: {found} of {all} found out");
    (found, all)
}

#[test]
fn a_disk_without_syncs_is_found_out() {
    let (found, all) = block_on(found_out(Ignored::Everything));
    assert!(found * 2 > all, "{found} of {all}");
}

#[test]
fn each_kind_of_sync_is_needed() {
    for ignored in [Ignored::Main, Ignored::Wal, Ignored::Folder] {
        let (found, all) = block_on(found_out(ignored));
        assert!(found * 10 > all, "{ignored:?}: {found} of {all}");
    }
}

#[test]
fn the_wal_is_written_back_in_the_middle_of_lives() {
    let lives = block_on(async {
        let mut lives = 0;
        for seed in 1..=8 {
            lives += usize::from(first_life(seed).await.0.checkpoints() > 0);
        }
        lives
    });
    assert!(lives >= 2, "{lives} of 8");
}
