use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn list(folder: &Path, name: &str, ids: &[String]) -> IdList {
    let mut stage = Stage::new(folder);
    ids.iter().for_each(|id| stage.add(id).unwrap());
    assert_eq!(stage.added(), ids.len() as u64);
    stage.finish(&folder.join(name)).unwrap()
}

fn all(list: &IdList) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for bucket in 0..BUCKETS {
        let block = list.bucket(bucket).unwrap();
        assert_eq!(block.len() as u64, list.bucket_len(bucket));
        assert!(block.iter().zip(block.iter().skip(1)).all(|(a, b)| a < b));
        assert!(block.iter().all(|id| IdList::bucket_of(id) == bucket));
        ids.extend(block.iter().map(str::to_string));
    }
    assert_eq!(ids.len() as u64, list.len());
    ids
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(4), ..ProptestConfig::default() })]
    #[test]
    fn lists_are_sets(a in prop::collection::vec("[a-cé]{1,3}", 0..60), b in prop::collection::vec("[a-cé]{1,3}", 0..60)) {
        let folder = tempfile::tempdir().unwrap();
        let (mine, theirs) = (list(folder.path(), "a", &a), list(folder.path(), "b", &b));
        let (a, b): (BTreeSet<String>, BTreeSet<String>) = (a.into_iter().collect(), b.into_iter().collect());
        prop_assert_eq!(&all(&mine), &a);
        let union = mine.merged(&theirs, Merge::Union, &folder.path().join("c")).unwrap();
        prop_assert_eq!(all(&union), a.union(&b).cloned().collect::<BTreeSet<_>>());
        let minus = mine.merged(&theirs, Merge::Minus, &folder.path().join("d")).unwrap();
        prop_assert_eq!(all(&minus), a.difference(&b).cloned().collect::<BTreeSet<_>>());
        for id in &b {
            prop_assert_eq!(mine.contains(id).unwrap(), a.contains(id));
        }
    }
}

#[test]
fn what_does_not_fit_into_memory_is_spilled() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(200);
    let ids: Vec<String> = (0..150_000).map(|n| format!("{long}{}", n % 100_000)).collect();
    let written = list(folder.path(), "a", &ids);
    assert_eq!(written.len(), 100_000);
    assert!(written.contains(&ids[77_777]).unwrap());
    // Only the list is left in the folder.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn damage_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    list(folder.path(), "a", &["ana".to_string(), "bia".to_string()]);
    let whole = std::fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert!(IdList::open(&path).is_err(), "{cut}");
    }
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        std::fs::write(&path, changed).unwrap();
        let read =
            IdList::open(&path).and_then(|list| (0..BUCKETS).try_for_each(|b| list.bucket(b).map(|_| ())));
        assert!(read.is_err(), "{place}");
    }
}
