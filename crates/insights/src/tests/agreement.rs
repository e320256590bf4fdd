//! Whatever happens to events and segments, in whatever order: a segment's size, list, export, chart, history,
//! difference, comparison and explanations are one set.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use whodid_model::{Clock, Event, Instant, Span};
use whodid_query::definition::Definition;
use whodid_store::{Store, StoreOptions};
use whodid_testkit::{action, view};

use super::{NOW, definition, everyone_page, named};
use crate::catalogue::{Catalogue, PageRequest};
use crate::{DiffRequest, HistoryRequest, HistoryStep, Insights, Segment, SegmentChange};

#[derive(Clone, Debug)]
enum Move {
    Append(Vec<(u8, u8, u8)>),
    Create(Json),
    Change(prop::sample::Index, Json),
    Delete(prop::sample::Index),
    Restore(prop::sample::Index),
    Restart,
}

fn event((who, what, hours): (u8, u8, u8)) -> Event {
    let at = Instant::parse(NOW).unwrap().minus(Span::from_seconds(i64::from(hours) * 3_600)).to_string();
    let built = match what % 3 {
        0 => action("CHECKOUT"),
        1 => view("/cart"),
        _ => view("/home"),
    };
    let (user, device) = (format!("u{}", who % 6), format!("d{}", who % 4));
    let built = built.session(&format!("s{}", what % 5)).account(&format!("a{}", who % 3)).at(&at);
    if what.is_multiple_of(4) {
        built.anonymous(&device).build()
    } else {
        built.user(&user).anonymous(&device).build()
    }
}

fn condition() -> impl Strategy<Value = Json> {
    let performed = |event: &str, more: Json| {
        let mut performed = json!({"steps": [{"event": event}]});
        performed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"performed": performed})
    };
    prop::sample::select(vec![
        json!({"all": []}),
        json!({"profile": "is_anonymous:true"}),
        performed("@view.name:/cart", json!({"during": {"last": "2d"}})),
        performed("@action.name:CHECKOUT", json!({"times": {"op": "=", "value": 0}})),
        performed("*", json!({"times": {"op": ">=", "value": 3}, "per": "day"})),
        json!({"performed": {"steps": [{"event": "@view.name:/cart"},
               {"event": "@action.name:CHECKOUT", "not": true}], "within": "session"}}),
        json!({"not": {"segment": "REFERRED"}}),
    ])
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let index = any::<prop::sample::Index>;
    let events = prop::collection::vec((any::<u8>(), any::<u8>(), 1..120u8), 1..25);
    let one = prop_oneof![
        3 => events.prop_map(Move::Append),
        3 => condition().prop_map(Move::Create),
        2 => (index(), condition()).prop_map(|(which, to)| Move::Change(which, to)),
        1 => index().prop_map(Move::Delete),
        1 => index().prop_map(Move::Restore),
        1 => Just(Move::Restart),
    ];
    prop::collection::vec(one, 1..9)
}

async fn open(folder: &std::path::Path) -> Insights {
    let clock: Arc<dyn Clock> = Arc::new(Instant::parse(NOW).unwrap());
    let store = Store::open(folder, StoreOptions::default(), clock.clone()).await.unwrap();
    let catalogue = Arc::new(Catalogue::open(folder, clock.clone()).await.unwrap());
    Insights::new(store, catalogue, clock, TimeZone::UTC, 2)
}

/// The condition about users, referring to the segment.
fn about(condition: &Json, referred: Option<&String>) -> Option<Definition> {
    let text = json!({"entity": "user", "where": condition}).to_string();
    let text = match referred {
        Some(id) => text.replace("REFERRED", id),
        None if text.contains("REFERRED") => return None,
        None => text,
    };
    Some(definition(serde_json::from_str(&text).unwrap()))
}

/// What may be refused (a cycle, a segment in use) is; what is refused changes nothing.
async fn make(insights: &Insights, ids: &mut Vec<String>, one: &Move) {
    let chosen = |which: &prop::sample::Index, ids: &[String]| {
        if ids.is_empty() { String::new() } else { which.get(ids).clone() }
    };
    match one {
        Move::Append(events) => {
            insights.store().append(events.iter().copied().map(event).collect()).await.unwrap();
        }
        Move::Create(condition) => {
            let Some(definition) = about(condition, ids.last()) else { return };
            let new = named(&format!("Segment {}", ids.len()), definition);
            ids.extend(insights.create_segment(new).await.ok().map(|segment| segment.id));
        }
        Move::Change(which, condition) => {
            let Some(definition) = about(condition, ids.first()) else { return };
            let change = SegmentChange { definition: Some(definition), ..SegmentChange::default() };
            let _refused = insights.update_segment(&chosen(which, ids), change, None).await;
        }
        Move::Delete(which) => {
            let _refused = insights.delete_segment(&chosen(which, ids), false).await;
        }
        Move::Restore(which) => {
            let _refused = insights.restore_segment(&chosen(which, ids)).await;
        }
        Move::Restart => {}
    }
}

async fn agree(insights: &Insights, segment: &Segment) -> Result<(), TestCaseError> {
    let (id, size) = (&segment.id, segment.size);
    let mut export = insights.export(id, None, true).await.unwrap();
    let mut exported = Vec::new();
    while let Some(page) = export.next_page() {
        exported.extend(page.into_iter().map(|member| member.id));
    }
    let page = insights.members(id, &everyone_page()).await.unwrap();
    let listed: Vec<String> = page.members.into_iter().map(|member| member.id).collect();
    prop_assert_eq!((page.total, exported.len() as u64, export.total), (size, size, size));
    prop_assert_eq!(&listed[..], &exported[..listed.len()]);

    let request = json!({"from": 0, "to": 1_900_000_000_000i64, "query": {
        "query": {"data_source": "product_analytics", "search": {"query": "*"}},
        "compute": {"aggregation": "cardinality", "metric": "@usr.id"},
        "audience_filters": {"segments": [{"name": "s", "segment_id": id}], "formula": "s"},
    }});
    let chart = insights.scalar(&serde_json::from_value(request).unwrap()).await.unwrap();
    let identified = exported.iter().filter(|id| !id.starts_with("anonymous:")).count();
    prop_assert_eq!(chart.rows.first().and_then(|row| row.numbers[0]).unwrap_or_default(), identified as f64);

    let request = HistoryRequest { from: None, to: None, step: HistoryStep::Week, verify: false };
    let history = insights.history(id, &request).await.unwrap();
    prop_assert_eq!(history.points.last().map(|point| point.size), Some(size));
    let definition = Definition::from_json(segment.definition.as_ref().unwrap()).unwrap();
    let request = DiffRequest { sample_size: 0, members: false };
    let diff = insights.diff_definition(id, &definition, None, &request).await.unwrap();
    prop_assert_eq!((diff.joined, diff.left, diff.stayed), (0, 0, size));
    prop_assert_eq!(insights.preview(&definition, None, 0).await.unwrap().count, size);

    let members: BTreeSet<&String> = exported.iter().collect();
    for who in ["u0", "u1", "u5", "anonymous:d1"] {
        let Ok(explained) = insights.why_in_segment(id, who, None).await else { continue };
        prop_assert_eq!(explained.why.member, members.contains(&who.to_string()), "{}", who);
        let of = insights.segments_of(definition.entity, who, None).await.unwrap();
        let is_one = of.segments.iter().any(|one| one.id == *id);
        prop_assert_eq!(is_one, explained.why.member);
    }
    Ok(())
}

async fn play(moves: Vec<Move>) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let (mut insights, mut ids) = (open(folder.path()).await, Vec::new());
    for one in &moves {
        make(&insights, &mut ids, one).await;
        if matches!(one, Move::Restart) {
            insights.catalogue().close().await;
            insights.store().clone().close().await.unwrap();
            drop(insights);
            insights = open(folder.path()).await;
        }
        for segment in insights.list_segments(None, &PageRequest::FIRST).await.unwrap().items {
            agree(&insights, &segment).await?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(32), ..ProptestConfig::default() })]
    #[test]
    fn every_number_of_a_segment_is_one_set(moves in moves()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(moves))?;
    }
}
