//! Segments as code: what a plan says, what applying it does, and the way there and back.

use serde_json::{Value as Json, json};
use whodid_model::FaultKind;

use super::{definition, left_the_cart, named, shop, workspace};
use crate::catalogue::PageRequest;
use crate::{Applied, ApplyAction, CodedSegment, Insights};

fn coded(name: &str, json: Json) -> CodedSegment {
    CodedSegment {
        name: name.to_string(),
        description: String::new(),
        tags: vec!["code".to_string()],
        definition: definition(json),
    }
}

fn viewed(path: &str) -> Json {
    let event = format!("@view.name:{path}");
    json!({"entity": "user", "where": {"performed": {"steps": [{"event": event}]}}})
}

fn not(name: &str) -> Json {
    json!({"entity": "user", "where": {"not": {"segment": name}}})
}

/// Action, name, joined and left of each change.
fn told(applied: &Applied) -> Vec<(ApplyAction, &str, u64, u64)> {
    applied.changes.iter().map(|one| (one.action, one.name.as_str(), one.joined, one.left)).collect()
}

async fn sizes(insights: &Insights) -> Vec<(String, u64, i64)> {
    let segments = insights.list_segments(None, &PageRequest::FIRST).await.unwrap().items;
    let mut sizes: Vec<_> = segments.into_iter().map(|one| (one.name, one.size, one.version)).collect();
    sizes.sort();
    sizes
}

#[tokio::test]
async fn a_plan_is_what_applying_it_does() {
    use ApplyAction::{Change, Create, Delete, Unchanged};
    let workspace = workspace(shop()).await;
    let insights = &workspace.insights;
    insights.create_segment(named("Old", left_the_cart())).await.unwrap();
    // The reference comes before what it names.
    let list = vec![coded("Not at the cart", not("cart")), coded("Cart", viewed("/cart"))];
    let expected = [(Create, "Not at the cart", 0, 0), (Create, "Cart", 3, 0)];
    for dry_run in [true, false] {
        let applied = insights.apply_segments(list.clone(), false, dry_run).await.unwrap();
        assert_eq!(told(&applied), expected);
        assert_eq!(sizes(insights).await.len(), if dry_run { 1 } else { 3 });
    }
    let again = insights.apply_segments(list, true, true).await.unwrap();
    assert_eq!(
        told(&again),
        [(Unchanged, "Not at the cart", 0, 0), (Unchanged, "Cart", 0, 0), (Delete, "Old", 0, 1)]
    );
    // Who rests on a changed segment changes with it.
    let list = vec![coded("Not at the cart", not("Cart")), coded("Cart", viewed("/home"))];
    let applied = insights.apply_segments(list, true, false).await.unwrap();
    assert_eq!(
        told(&applied),
        [(Unchanged, "Not at the cart", 2, 0), (Change, "Cart", 0, 2), (Delete, "Old", 0, 1)]
    );
    assert_eq!(applied.changes[1].changed, ["definition"]);
    assert_eq!(sizes(insights).await, [("Cart".to_string(), 1, 2), ("Not at the cart".to_string(), 2, 1)]);
}

#[tokio::test]
async fn what_is_written_down_applies_unchanged_and_elsewhere() {
    let workspace_a = workspace(shop()).await;
    let insights = &workspace_a.insights;
    let list = vec![coded("Cart", viewed("/cart")), coded("Not at the cart", not("Cart"))];
    insights.apply_segments(list, false, false).await.unwrap();
    let written = insights.segments_as_code().await.unwrap();
    assert_eq!(written[1].definition.segments()[0].1, "Cart");
    let again = insights.apply_segments(written.clone(), true, false).await.unwrap();
    assert!(again.changes.iter().all(|change| change.action == ApplyAction::Unchanged), "{again:?}");
    let elsewhere = workspace(shop()).await;
    elsewhere.insights.apply_segments(written, true, false).await.unwrap();
    assert_eq!(sizes(&elsewhere.insights).await, sizes(insights).await);
}

#[tokio::test]
async fn a_list_that_makes_no_sense_changes_nothing() {
    let workspace = workspace(shop()).await;
    let insights = &workspace.insights;
    insights.create_segment(named("Old", left_the_cart())).await.unwrap();
    let accounts = json!({"entity": "account", "where": {"all": []}});
    let check = async |list: Vec<CodedSegment>, prune: bool, pointer: &str, word: &str| {
        let error = insights.apply_segments(list, prune, false).await.unwrap_err();
        assert_eq!(error.kind(), FaultKind::Invalid, "{error}");
        assert!(error.to_string().contains(word), "{error}");
        let crate::InsightError::Invalid { pointer: found, .. } = error else { panic!("{error}") };
        assert_eq!(found.as_deref(), Some(pointer));
    };
    let cart = || coded("Cart", viewed("/cart"));
    check(vec![cart(), coded(" CART", viewed("/x"))], false, "/1/name", "already").await;
    check(vec![cart(), coded("B", not("Nobody"))], false, "/1/definition/where/not/segment", "Nobody").await;
    check(vec![coded("B", not("Old"))], true, "/0/definition/where/not/segment", "Old").await;
    check(vec![coded("A", not("B")), coded("B", not("A"))], false, "/0/definition", "“A” → “B”").await;
    check(
        vec![coded("A", accounts), coded("B", not("A"))],
        false,
        "/1/definition/where/not/segment",
        "accounts",
    )
    .await;
    let mut nameless = cart();
    nameless.name = " ".to_string();
    check(vec![cart(), nameless], false, "/1/name", "empty").await;
    assert_eq!(sizes(insights).await.len(), 1);
}
