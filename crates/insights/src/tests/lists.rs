//! Imports, arrivals, deletions and restarts in any order against a plain set of texts: size, list and export agree.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use whodid_model::{Clock, IdentifierKey, Instant};
use whodid_store::{Store, StoreOptions};
use whodid_testkit::view;

use super::{NOW, everyone_page};
use crate::catalogue::{Catalogue, JobState};
use crate::{ImportMode, ImportRequest, Insights};

#[derive(Clone, Debug)]
enum Move {
    Import(ImportMode, Vec<u8>),
    Arrive(u8),
    Forget(u8),
    Delete,
    Restore,
    Restart,
}

/// What has to be true.
#[derive(Default)]
struct Model {
    /// None before the segment is made.
    list: Option<BTreeSet<String>>,
    deleted: bool,
    known: BTreeSet<String>,
}

/// Ids that a spreadsheet would misread, and plain ones.
fn id(number: u8) -> String {
    ["u", "=", "'@", "é ", "a,\"", "anonymous:"][usize::from(number % 6)].to_string()
        + &(number % 13).to_string()
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let ids = prop::collection::vec(any::<u8>(), 0..12);
    let mode = prop::sample::select(ImportMode::ALL.to_vec());
    let one = prop_oneof![
        5 => (mode, ids).prop_map(|(mode, ids)| Move::Import(mode, ids)),
        3 => any::<u8>().prop_map(Move::Arrive),
        1 => any::<u8>().prop_map(Move::Forget),
        1 => Just(Move::Delete),
        1 => Just(Move::Restore),
        1 => Just(Move::Restart),
    ];
    prop::collection::vec(one, 1..10)
}

async fn open(folder: &std::path::Path) -> Insights {
    let clock: Arc<dyn Clock> = Arc::new(Instant::parse(NOW).unwrap());
    let store = Store::open(folder, StoreOptions::default(), clock.clone()).await.unwrap();
    let catalogue = Arc::new(Catalogue::open(folder, clock.clone()).await.unwrap());
    let insights = Insights::new(store, catalogue, clock, TimeZone::UTC, 2);
    insights.sweep_lists_at_start().await.unwrap();
    insights
}

/// Whether the import was done.
async fn import(insights: &Insights, mode: ImportMode, csv: &[u8]) -> bool {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(csv).unwrap();
    let request = ImportRequest {
        mode,
        name: "List".to_string(),
        segment_id: None,
        key: Some(IdentifierKey::UsrId),
        column: None,
        description: String::new(),
        tags: Vec::new(),
        dry_run: false,
        as_table: false,
    };
    let Ok(job) = insights.import_list(file, request).await else { return false };
    loop {
        let job = insights.job(&job.stored.id).await.unwrap();
        if job.stored.state.is_over() {
            assert_eq!(job.stored.error, None);
            return job.stored.state == JobState::Done;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

fn csv(ids: impl IntoIterator<Item = String>) -> Vec<u8> {
    let mut csv = Vec::new();
    whodid_intake::rows::write_row(&mut csv, ["usr.id"]);
    ids.into_iter().for_each(|id| whodid_intake::rows::write_row(&mut csv, [id.as_str()]));
    csv
}

async fn make(insights: &Insights, model: &mut Model, segment: &mut Option<String>, one: &Move) {
    match one {
        Move::Import(mode, numbers) => {
            let ids: BTreeSet<String> = numbers.iter().copied().map(id).collect();
            let done = import(insights, *mode, &csv(numbers.iter().copied().map(id))).await;
            let live = !model.deleted;
            match (mode, &mut model.list) {
                (ImportMode::Create, list) if list.is_none() || !live => {
                    assert!(done);
                    (*list, model.deleted) = (Some(ids), false);
                }
                (ImportMode::Create, _) | (_, None) => assert!(!done),
                _ if !live => assert!(!done),
                (_, Some(list)) => {
                    assert!(done);
                    match mode {
                        ImportMode::Append => list.extend(ids),
                        ImportMode::Remove => list.retain(|id| !ids.contains(id)),
                        _ => *list = ids,
                    }
                }
            }
            if let Some(found) = insights.catalogue().segment_by_name("List").await.unwrap() {
                *segment = Some(found.id);
            }
        }
        Move::Arrive(number) => {
            let (id, minute) = (id(*number), number % 60);
            let event = view("/").session("s").at(&format!("2026-11-07T10:{minute:02}:00Z"));
            let event = match id.strip_prefix("anonymous:") {
                Some(device) => event.anonymous(device).build(),
                None => event.user(&id).build(),
            };
            insights.store().append(vec![event]).await.unwrap();
            model.known.insert(id);
        }
        Move::Forget(number) => {
            insights.forget_identifiers(&[id(*number)], &[]).await.unwrap();
            model.list.iter_mut().for_each(|list| {
                list.remove(&id(*number));
            });
        }
        Move::Delete => {
            let Some(segment) = segment else { return };
            let done = insights.delete_segment(segment, false).await.is_ok();
            assert_eq!(done, !model.deleted);
            model.deleted = true;
        }
        Move::Restore => {
            let Some(segment) = segment else { return };
            insights.restore_segment(segment).await.unwrap();
            model.deleted = false;
        }
        Move::Restart => {}
    }
}

async fn agree(insights: &Insights, model: &Model, segment: &str) -> Result<(), TestCaseError> {
    let list = model.list.clone().unwrap_or_default();
    let members: Vec<String> = list.intersection(&model.known).cloned().collect();
    let shown = insights.segment(segment).await.unwrap();
    prop_assert_eq!((shown.size, shown.identifiers), (members.len() as u64, Some(list.len() as u64)));
    let page = insights.members(segment, &everyone_page()).await.unwrap();
    prop_assert_eq!(page.total, shown.size);
    let mut export = insights.export(segment, None, false).await.unwrap();
    let mut exported = Vec::new();
    while let Some(page) = export.next_page() {
        exported.extend(page.into_iter().map(|member| member.id));
    }
    prop_assert_eq!(&exported, &members);
    let request = crate::UnmatchedRequest { at: None, after: None, limit: 1_000, search: None };
    let unmatched = insights.unmatched(segment, &request).await.unwrap();
    let expected: Vec<String> = list.difference(&model.known).cloned().collect();
    prop_assert_eq!((unmatched.total, unmatched.identifiers), (expected.len() as u64, expected));
    let (_, stored) = insights.identifiers(segment).await.unwrap();
    let mut all = BTreeSet::new();
    for bucket in 0..whodid_store::BUCKETS {
        all.extend(stored.ids.bucket(bucket).unwrap().iter().map(str::to_string));
    }
    prop_assert_eq!(all, list);
    for who in model.known.iter().take(3) {
        let why = insights.why_in_segment(segment, who, None).await.unwrap();
        prop_assert_eq!(why.why.member, members.contains(who), "{}", who);
    }
    Ok(())
}

async fn play(moves: Vec<Move>) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let (mut insights, mut model, mut segment) = (open(folder.path()).await, Model::default(), None);
    for one in &moves {
        make(&insights, &mut model, &mut segment, one).await;
        if matches!(one, Move::Restart) {
            insights.stop_jobs().await;
            insights.catalogue().close().await;
            insights.store().clone().close().await.unwrap();
            drop(insights);
            insights = open(folder.path()).await;
        }
        if let Some(segment) = segment.as_ref().filter(|_| !model.deleted) {
            agree(&insights, &model, segment).await?;
        }
    }
    // Besides the lists of segments, deleted ones among them, nothing is left in the folder.
    let kept = std::fs::read_dir(folder.path().join("lists")).map_or(0, Iterator::count);
    let lists = insights.catalogue().list_files().await.unwrap().len();
    prop_assert_eq!(kept, lists);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(16), ..ProptestConfig::default() })]
    #[test]
    fn a_list_is_its_model(moves in moves()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(moves))?;
    }
}

#[tokio::test]
async fn jobs_of_a_process_that_ended_have_failed() {
    let folder = tempfile::tempdir().unwrap();
    let insights = open(folder.path()).await;
    let job = insights.catalogue().insert_job("segment_import", None).await.unwrap();
    insights.catalogue().start_job(&job.id).await.unwrap();
    insights.catalogue().close().await;
    insights.store().clone().close().await.unwrap();
    drop(insights);
    let insights = open(folder.path()).await;
    let job = insights.job(&job.id).await.unwrap();
    assert_eq!(job.stored.state, JobState::Failed);
    assert!(job.stored.error.unwrap().contains("start it again"));
}

#[tokio::test]
async fn a_cancelled_job_stops_and_frees_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let insights = open(folder.path()).await;
    let endless = |job: crate::JobContext| async move {
        loop {
            job.check()?;
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.push(insights.run_job("endless", None, endless).await.unwrap().stored.id);
    }
    for id in jobs.iter().rev() {
        insights.cancel_job(id).await.unwrap();
    }
    for id in &jobs {
        while !insights.job(id).await.unwrap().stored.state.is_over() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        assert_eq!(insights.job(id).await.unwrap().stored.state, JobState::Cancelled);
        assert!(insights.cancel_job(id).await.is_err());
    }
}
