//! Histories, differences, comparisons, exports and explanations are all the member list, looked at in another way.

use std::collections::BTreeSet;

use serde_json::json;
use whodid_model::{EntityKind, Event, FaultKind, Instant, Span, limits};
use whodid_testkit::{action, view};

use super::{NOW, Workspace, definition, everyone_page, left_the_cart, named, shop, workspace};
use crate::{DiffRequest, HistoryRequest, HistoryStep, MembersRequest};

/// Visits spread over the ten days before now, by a fixed rule.
fn visits() -> Vec<Event> {
    let now = Instant::parse(NOW).unwrap();
    let visit = |n: i64| {
        let (user, hours) = (format!("u{}", n * 7 % 23), n * 13 % 240);
        let at = now.minus(Span::from_seconds(hours * 3_600 + 60)).to_string();
        let event = match n % 3 {
            0 => action("CHECKOUT"),
            1 => view("/cart"),
            _ => view("/home"),
        };
        let event = if n % 5 == 0 { event.anonymous(&user) } else { event.user(&user).anonymous(&user) };
        event.session(&format!("s{}", n % 40)).account(&format!("a{}", n % 4)).at(&at).build()
    };
    (0..200).map(visit).collect()
}

fn carts() -> whodid_query::definition::Definition {
    definition(json!({"entity": "user", "where": {"performed": {
        "steps": [{"event": "@view.name:/cart"}], "during": {"last": "3d"}}}}))
}

fn buyers() -> whodid_query::definition::Definition {
    definition(json!({"entity": "user", "where": {"performed": {
        "steps": [{"event": "@action.name:CHECKOUT"}], "during": {"last": "5d"},
        "times": {"op": ">=", "value": 2}}}}))
}

async fn members(workspace: &Workspace, id: &str, at: Option<Instant>) -> BTreeSet<String> {
    let request = MembersRequest { at, limit: limits::PAGE_ITEMS, ..everyone_page() };
    let page = workspace.insights.members(id, &request).await.unwrap();
    page.members.into_iter().map(|member| member.id).collect()
}

const SAMPLE: DiffRequest = DiffRequest { sample_size: 3, members: false };
const EVERYONE: DiffRequest = DiffRequest { sample_size: 0, members: true };

#[tokio::test]
async fn history_is_the_member_list_of_each_instant() {
    let workspace = workspace(visits()).await;
    let segment = workspace.insights.create_segment(named("Carts", carts())).await.unwrap();
    for (step, points) in [("day", 9), ("12h", 17), ("week", 3)] {
        let step = HistoryStep::parse(step).unwrap();
        let from = Instant::parse("2026-10-31T12:00:00Z");
        let request = HistoryRequest { from, to: None, step, verify: false };
        let history = workspace.insights.history(&segment.id, &request).await.unwrap();
        assert_eq!(history.points.len(), points);
        assert_eq!(history.points[points - 1].at.to_string(), NOW);
        let mut before: Option<BTreeSet<String>> = None;
        for point in history.points {
            let members = members(&workspace, &segment.id, Some(point.at)).await;
            let joined = before.as_ref().map(|before| members.difference(before).count() as u64);
            let left = before.as_ref().map(|before| before.difference(&members).count() as u64);
            assert_eq!((point.size, point.joined, point.left), (members.len() as u64, joined, left));
            before = Some(members);
        }
    }
    let request =
        HistoryRequest { from: None, to: None, step: HistoryStep::parse("1m").unwrap(), verify: false };
    let error = workspace.insights.history(&segment.id, &request).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().contains("400 points")),
        (FaultKind::Invalid, true),
        "{error}"
    );
    assert_eq!(HistoryStep::parse("0s"), None);
}

#[tokio::test]
async fn a_difference_is_that_of_the_two_member_lists() {
    let workspace = workspace(visits()).await;
    let insights = &workspace.insights;
    let segment = insights.create_segment(named("Carts", carts())).await.unwrap();
    let check = |diff: crate::Diff, before: BTreeSet<String>, after: BTreeSet<String>| {
        let of = |set: BTreeSet<&String>| set.into_iter().cloned().collect::<Vec<String>>();
        assert_eq!(diff.joined_ids, of(after.difference(&before).collect()));
        assert_eq!(diff.left_ids, of(before.difference(&after).collect()));
        assert_eq!(diff.stayed_ids, of(before.intersection(&after).collect()));
        let counts = [diff.joined, diff.left, diff.stayed].map(|count| count as usize);
        assert_eq!(counts, [diff.joined_ids.len(), diff.left_ids.len(), diff.stayed_ids.len()]);
        assert_eq!((diff.before.size, diff.after.size), (before.len() as u64, after.len() as u64));
    };
    let then = Instant::parse("2026-11-04T00:00:00Z").unwrap();
    let (was, is) =
        (members(&workspace, &segment.id, Some(then)).await, members(&workspace, &segment.id, None).await);
    assert!(!was.is_empty() && was != is);
    check(insights.diff_instants(&segment.id, then, None, &EVERYONE).await.unwrap(), was, is.clone());

    let edited = insights.create_segment(named("Buyers", buyers())).await.unwrap();
    let diff = insights.diff_definition(&segment.id, &buyers(), None, &EVERYONE).await.unwrap();
    assert_eq!((diff.before.definition_version, diff.after.definition_version), (Some(1), None));
    check(diff, is, members(&workspace, &edited.id, None).await);

    let sample = insights.diff_definition(&segment.id, &buyers(), None, &SAMPLE).await.unwrap();
    assert!(sample.stayed_ids.len() <= 3 && sample.left_ids.len() <= 3);
    let accounts = definition(json!({"entity": "account", "where": {"all": []}}));
    let error = insights.diff_definition(&segment.id, &accounts, None, &SAMPLE).await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Invalid);
}

#[tokio::test]
async fn a_comparison_counts_what_the_member_lists_share() {
    let workspace = workspace(visits()).await;
    let insights = &workspace.insights;
    let mut segments = Vec::new();
    for (name, definition) in [
        ("Carts", carts()),
        ("Buyers", buyers()),
        ("Nobody", definition(json!({"entity": "user", "where": {"any": []}}))),
    ] {
        segments.push(insights.create_segment(named(name, definition)).await.unwrap().id);
    }
    let comparison = insights.compare(&segments, None).await.unwrap();
    let mut lists = Vec::new();
    for id in &segments {
        lists.push(members(&workspace, id, None).await);
    }
    for pair in &comparison.pairs {
        let (a, b) = (&lists[pair.a], &lists[pair.b]);
        assert_eq!(pair.intersection, a.intersection(b).count() as u64);
        assert_eq!(pair.union, a.union(b).count() as u64);
    }
    assert_eq!(comparison.pairs.len(), 3);
    assert_eq!(comparison.pairs[1].jaccard, Some(0.0));
    let regions = comparison.regions.unwrap();
    assert_eq!(regions.len(), 7);
    for region in &regions {
        let everyone: BTreeSet<&String> = lists.iter().flatten().collect();
        let exactly = |id: &&&String| {
            (0..lists.len()).all(|place| region.segments.contains(&place) == lists[place].contains(**id))
        };
        assert_eq!(region.count, everyone.iter().filter(exactly).count() as u64, "{:?}", region.segments);
    }

    let refused = [
        vec![segments[0].clone()],
        vec![segments[0].clone(), segments[0].clone()],
        vec![segments[0].clone(); 21],
    ];
    for ids in refused {
        assert_eq!(insights.compare(&ids, None).await.unwrap_err().kind(), FaultKind::Invalid);
    }
    let accounts = definition(json!({"entity": "account", "where": {"all": []}}));
    let accounts = insights.create_segment(named("Accounts", accounts)).await.unwrap().id;
    let error = insights.compare(&[segments[0].clone(), accounts], None).await.unwrap_err();
    assert!(error.to_string().contains("accounts"), "{error}");
}

#[tokio::test]
async fn an_export_is_the_member_list() {
    let workspace = workspace(visits()).await;
    let segment = workspace.insights.create_segment(named("Carts", carts())).await.unwrap();
    let expected: Vec<String> = members(&workspace, &segment.id, None).await.into_iter().collect();
    for profiles in [false, true] {
        let mut export = workspace.insights.export(&segment.id, None, profiles).await.unwrap();
        assert_eq!((export.total, export.attributes.is_empty()), (expected.len() as u64, !profiles));
        let mut found = Vec::new();
        while let Some(page) = export.next_page() {
            for member in page {
                let unknown = |name: &&String| !export.attributes.contains(name) && *name != "user_id";
                assert_eq!(member.profile.keys().find(unknown), None);
                found.push(member.id);
            }
        }
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn an_explanation_follows_references_and_knows_its_entities() {
    let workspace = workspace(shop()).await;
    let insights = &workspace.insights;
    let base = insights.create_segment(named("Left", left_the_cart())).await.unwrap();
    let others = definition(json!({"entity": "user", "where": {"not": {"segment": base.id}}}));
    let others = insights.create_segment(named("Others", others)).await.unwrap();
    for (entity, member) in [("ana", false), ("bia", true)] {
        let explained = insights.why_in_segment(&others.id, entity, None).await.unwrap();
        assert_eq!(explained.why.member, member, "{entity}");
        assert_eq!(explained.why.leaves[0].holds, !member);
        assert_eq!(explained.meta.definition_version, Some(1));
    }
    // Ana is one of the others once her visit is more than a week old.
    let explained = insights.why(&left_the_cart(), "ana", None).await.unwrap();
    let leaves_at = Instant::parse("2026-11-14T10:00:00.000001Z").unwrap();
    assert_eq!(explained.why.leaves_at, crate::LeavesAt::At(leaves_at));
    let error = insights.why(&left_the_cart(), "dora", None).await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::NotFound);
}

#[tokio::test]
async fn an_entity_knows_its_segments_and_its_events() {
    let workspace = workspace(shop()).await;
    let insights = &workspace.insights;
    let left = insights.create_segment(named("Left", left_the_cart())).await.unwrap();
    let others = definition(json!({"entity": "user", "where": {"not": {"segment": left.id}}}));
    let others = insights.create_segment(named("Others", others)).await.unwrap();
    let accounts = definition(json!({"entity": "account", "where": {"all": []}}));
    insights.create_segment(named("Accounts", accounts)).await.unwrap();
    for (id, expected) in [("ana", "Left"), ("bia", "Others"), ("caio", "Others")] {
        let of = insights.segments_of(EntityKind::User, id, None).await.unwrap();
        let names: Vec<&str> = of.segments.iter().map(|segment| segment.name.as_str()).collect();
        assert_eq!((names, of.failing.len(), of.meta.partial), (vec![expected], 0, false));
    }
    let acme = insights.segments_of(EntityKind::Account, "acme", None).await.unwrap();
    assert_eq!(acme.segments[0].name, "Accounts");
    // What rests on a deleted segment says so, and hides nothing else.
    insights.delete_segment(&left.id, true).await.unwrap();
    let of = insights.segments_of(EntityKind::User, "ana", None).await.unwrap();
    assert_eq!((of.segments.len(), of.failing[0].0.id.as_str()), (0, others.id.as_str()));
    assert!(of.meta.partial);

    let page = insights.timeline(EntityKind::User, "bia", None, None, 1).await.unwrap();
    assert_eq!(page.events[0].text("action.name"), Some("CHECKOUT"));
    let page = insights.timeline(EntityKind::User, "bia", None, page.next.as_ref(), 1).await.unwrap();
    assert_eq!((page.events[0].text("view.name"), page.next), (Some("/cart"), None));
    let caio = insights.timeline(EntityKind::User, "caio", None, None, 10).await.unwrap();
    assert_eq!(caio.events.len(), 2, "the visit before the login is his, too");
    let acme = insights.timeline(EntityKind::Account, "acme", None, None, 10).await.unwrap();
    assert_eq!(acme.events.len(), 2);
    for (id, limit, kind) in [("dora", 1, FaultKind::NotFound), ("bia", 0, FaultKind::Invalid)] {
        let error = insights.timeline(EntityKind::User, id, None, None, limit).await.unwrap_err();
        assert_eq!(error.kind(), kind);
    }
}
