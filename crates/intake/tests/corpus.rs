//! The laws of the fuzz targets, on their committed corpus and on what becomes of it by random changes.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

#[path = "../../../fuzz/laws/intake.rs"]
mod laws;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new("../../fuzz/corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!paths.is_empty());
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn the_corpus_obeys() {
    corpus("rum").iter().for_each(|body| laws::rum_obeyed(body));
    corpus("csv").iter().for_each(|body| laws::csv_obeyed(body));
}

/// One way to damage a body.
#[derive(Clone, Debug)]
enum Change {
    Put(Index, u8),
    Insert(Index, Vec<u8>),
    Cut(Index, Index),
    Repeat(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let telling = prop::sample::select(b"{}[]\",:\n\\\r0-.eE\0\xff".to_vec());
    prop_oneof![
        (at(), prop_oneof![telling.clone(), any::<u8>()]).prop_map(|(at, byte)| Change::Put(at, byte)),
        (at(), prop::collection::vec(telling, 1..8)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), at()).prop_map(|(from, to)| Change::Cut(from, to)),
        (at(), at()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ]
}

fn changed(mut body: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    let span = |body: &[u8], from: &Index, to: &Index| {
        let (from, to) = (from.index(body.len() + 1), to.index(body.len() + 1));
        from.min(to)..from.max(to)
    };
    for change in changes {
        match change {
            Change::Put(at, byte) if !body.is_empty() => {
                let at = at.index(body.len());
                body[at] = *byte;
            }
            Change::Put(_, byte) => body.push(*byte),
            Change::Insert(at, bytes) => {
                let at = at.index(body.len() + 1);
                body.splice(at..at, bytes.iter().copied());
            }
            Change::Cut(from, to) => drop(body.drain(span(&body, from, to))),
            Change::Repeat(from, to) => {
                let span = span(&body, from, to);
                let again = body[span.clone()].to_vec();
                body.splice(span.end..span.end, again);
            }
        }
    }
    body
}

proptest! {
    #[test]
    fn damaged_batches_obey(at in any::<Index>(), changes in prop::collection::vec(change(), 1..8)) {
        let corpus = corpus("rum");
        laws::rum_obeyed(&changed(corpus[at.index(corpus.len())].clone(), &changes));
    }

    #[test]
    fn damaged_files_obey(at in any::<Index>(), changes in prop::collection::vec(change(), 1..8)) {
        let corpus = corpus("csv");
        laws::csv_obeyed(&changed(corpus[at.index(corpus.len())].clone(), &changes));
    }
}
