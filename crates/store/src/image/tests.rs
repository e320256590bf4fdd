use whodid_model::Event;
use whodid_testkit::{action, view};

use super::*;
use crate::live::Live;
use crate::log::LogPosition;
use crate::model_of_store::shown;
use crate::snapshot::Snapshot;

/// Users, anonymous ones who became users, values of all types, views with partial updates, and many texts.
fn events() -> Vec<Event> {
    let mut events: Vec<Event> = (0..600)
        .map(|n| {
            action("buy")
                .id(&format!("e{n}"))
                .user(&format!("u{}", n % 40))
                .attr("k", format!("v{n}"))
                .build()
        })
        .collect();
    events.push(view("/cart").id("v1").revision(3).anonymous("a1").attr("n", 1.5).attr("b", true).build());
    events.push(action("log in").id("l1").user("u1").anonymous("a1").build());
    let partial = view("/cart").id("v2").revision(2).user("u2").attr("n", "text").build();
    events.push(whodid_model::revision::partial(partial));
    events
}

fn written(root: &Path) -> Snapshot {
    let mut live = Live::new();
    live.apply(LogPosition(0), events());
    assert!(live.shown_by_image().is_none(), "it is not in the table yet");
    live.take_unflushed(&Default::default(), &Default::default());
    let (base, identity, keys) = live.shown_by_image().unwrap();
    write(root, vec!["part".to_string()], &base, &identity, &keys).unwrap();
    let buckets = live.snapshot(7).buckets().to_vec();
    Snapshot { buckets, watermark: 7, joined: Arc::default() }
}

#[test]
fn an_image_shows_what_was_written_and_reads_what_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Image::open(dir.path()).is_none());
    let before = shown(&written(dir.path()));
    let image = Image::open(dir.path()).unwrap();
    assert_eq!(image.parts, ["part"]);
    let unread = image.image.read_bytes();
    let mut live = Live::of_image(image.base, image.identity, image.keys);
    let snapshot = live.snapshot(7);
    assert_eq!(snapshot.buckets().iter().map(|bucket| bucket.base.rows()).sum::<usize>(), events().len());
    assert_eq!(image.image.read_bytes(), unread, "nothing was asked yet");
    assert_eq!(shown(&snapshot), before);
    assert!(snapshot.fault().is_none());
    let again = live.apply(LogPosition(0), events());
    assert_eq!((again.accepted, again.duplicates), (0, events().len() as u64));
    live.let_go_above(0);
    assert_eq!(shown(&live.snapshot(8)), before);
}

#[test]
fn a_damaged_image_is_found_and_goes() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path());
    let path = dir.path().join(FOLDER).join(FILE);
    let bytes = std::fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 60) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 4;
        std::fs::write(&path, &flipped).unwrap();
        let Some(image) = Image::open(dir.path()) else { continue };
        let mut live = Live::of_image(image.base, image.identity, image.keys);
        let snapshot = live.snapshot(0);
        let nowhere = Section { offset: 0, bytes: 0, checksum: 0 };
        for bucket in snapshot.buckets() {
            bucket.base.write_to(&mut |_| Ok(nowhere)).unwrap();
        }
        let fault = snapshot.fault().expect("the flipped byte was read").to_string();
        assert!(fault.contains("start again"), "{fault}");
        assert!(live.fault().is_some());
        assert!(!path.exists());
    }
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(Image::open(dir.path()).is_none());
}
