//! Questions through the real store and catalogue on a temporary folder.

mod agreement;
mod as_code;
mod journeys;
mod lists;
mod refresh;
mod segments;

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};
use whodid_model::{Clock, EntityKind, Event, FaultKind, Instant};
use whodid_query::definition::Definition;
use whodid_store::{Store, StoreOptions};
use whodid_testkit::{action, view};

use crate::catalogue::{Catalogue, PageRequest};
use crate::{AnalyticsRequest, Insights, MISSING, MembersRequest, NewSegment};

const NOW: &str = "2026-11-08T12:00:00Z";

struct Workspace {
    insights: Insights,
    _folder: tempfile::TempDir,
}

async fn workspace(events: Vec<Event>) -> Workspace {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(Instant::parse(NOW).unwrap());
    let store = Store::open(folder.path(), StoreOptions::default(), clock.clone()).await.unwrap();
    store.append(events).await.unwrap();
    let catalogue = Arc::new(Catalogue::open(folder.path(), clock.clone()).await.unwrap());
    Workspace { insights: Insights::new(store, catalogue, clock, TimeZone::UTC, 2), _folder: folder }
}

/// Ana looked at the cart and left; Bia bought; a visitor looked at the cart and later turned out to be Caio.
fn shop() -> Vec<Event> {
    let at = |time: &str| format!("2026-11-07T{time}Z");
    vec![
        view("/cart")
            .user("ana")
            .session("s1")
            .account("acme")
            .at(&at("10:00:00"))
            .attr("geo.country", "Brazil")
            .build(),
        view("/cart")
            .user("bia")
            .session("s2")
            .account("acme")
            .at(&at("10:00:00"))
            .attr("geo.country", "Brazil")
            .build(),
        action("CHECKOUT")
            .user("bia")
            .session("s2")
            .at(&at("10:05:00"))
            .attr("geo.country", "Brazil")
            .build(),
        view("/cart").anonymous("a1").session("s3").at(&at("11:00:00")).attr("geo.country", "France").build(),
        view("/home").user("caio").anonymous("a1").session("s4").at(&at("12:00:00")).build(),
    ]
}

fn definition(json: Json) -> Definition {
    Definition::from_json(&json).unwrap()
}

fn left_the_cart() -> Definition {
    definition(json!({"entity": "user", "where": {"all": [
        {"performed": {"steps": [{"event": "@type:view @view.name:/cart"},
                                 {"event": "@action.name:CHECKOUT", "not": true}],
                       "within": "session", "during": {"last": "7d"}}},
        {"profile": "-country:France"},
    ]}}))
}

fn everyone_page() -> MembersRequest {
    MembersRequest { at: None, after: None, limit: 10, search: None, sort: None, profiles: false }
}

fn named(name: &str, definition: Definition) -> NewSegment {
    NewSegment { name: name.to_string(), description: String::new(), tags: Vec::new(), definition }
}

#[tokio::test]
async fn the_preview_the_list_and_the_chart_are_one_set() {
    let workspace = workspace(shop()).await;
    let insights = &workspace.insights;
    let preview = insights.preview(&left_the_cart(), None, 20).await.unwrap();
    assert_eq!((preview.count, preview.population), (1, 3));
    assert_eq!(preview.sample, ["ana"]);
    let clauses: Vec<(&str, u64)> = preview.clauses.iter().map(|c| (c.pointer.as_str(), c.count)).collect();
    assert_eq!(clauses, [("/where/all/0", 2), ("/where/all/1", 2)]);
    assert_eq!(preview.meta.as_of.to_string(), NOW);
    assert!(preview.meta.watermark > 0);

    let segment = insights.create_segment(named("Left the cart", left_the_cart())).await.unwrap();
    assert_eq!((segment.size, segment.version), (1, 1));
    assert_eq!((segment.size_as_of, segment.size_watermark), (preview.meta.as_of, preview.meta.watermark));
    let members = insights.members(&segment.id, &everyone_page()).await.unwrap();
    let ids: Vec<&str> = members.members.iter().map(|member| member.id.as_str()).collect();
    assert_eq!((ids, members.total), (vec!["ana"], 1));

    let request = json!({"from": 0, "to": 1_900_000_000_000i64, "query": {
        "query": {"data_source": "product_analytics", "search": {"query": "@type:view"}},
        "compute": {"aggregation": "cardinality", "metric": "@usr.id"},
        "audience_filters": {"segments": [{"name": "s", "segment_id": segment.id}], "formula": "s"},
    }});
    let scalar = insights.scalar(&serde_json::from_value(request).unwrap()).await.unwrap();
    assert_eq!(scalar.rows[0].numbers, [Some(1.0)]);
}

#[tokio::test]
async fn segments_refer_to_segments_at_the_same_instant() {
    let workspace = workspace(shop()).await;
    let insights = &workspace.insights;
    let base = insights.create_segment(named("Left", left_the_cart())).await.unwrap();
    let others = definition(json!({"entity": "user", "where": {"not": {"segment": base.id}}}));
    let preview = insights.preview(&others, None, 20).await.unwrap();
    assert_eq!(preview.sample, ["bia", "caio"]);
    assert_eq!(preview.clauses[0].count, 1);
    // Before Caio logged in, his visit was an anonymous user's.
    let then = Instant::parse("2026-11-07T11:30:00Z").unwrap();
    assert_eq!(insights.preview(&others, Some(then), 20).await.unwrap().sample, ["bia", "anonymous:a1"]);

    let accounts = definition(json!({"entity": "account", "where": {"segment": base.id}}));
    assert_eq!(insights.preview(&accounts, None, 20).await.unwrap_err().kind(), FaultKind::Invalid);
    let unknown =
        definition(json!({"entity": "user", "where": {"segment": "018f0000-0000-7000-8000-000000000000"}}));
    assert_eq!(insights.preview(&unknown, None, 20).await.unwrap_err().kind(), FaultKind::NotFound);
}

#[tokio::test]
async fn members_page_by_id_and_carry_profiles() {
    let workspace = workspace(shop()).await;
    let insights = &workspace.insights;
    let everyone = definition(json!({"entity": "user", "where": {"all": []}}));
    let segment = insights.create_segment(named("Everyone", everyone)).await.unwrap();
    let first = MembersRequest { limit: 2, profiles: true, ..everyone_page() };
    let page = insights.members(&segment.id, &first).await.unwrap();
    assert_eq!((page.total, page.next.as_deref()), (3, Some("bia")));
    assert_eq!(page.members[1].profile["events_count"].as_text(), "2");
    let second = MembersRequest { after: page.next, ..first };
    let page = insights.members(&segment.id, &second).await.unwrap();
    assert_eq!((page.members[0].id.as_str(), page.next), ("caio", None));
    // The visit before the login is his, too.
    let profile = insights.profile(EntityKind::User, "caio", None).await.unwrap();
    assert_eq!(profile.attributes["first_seen"].as_text(), "2026-11-07T11:00:00Z");
    assert_eq!(profile.attributes["session_count"].as_text(), "2");
    assert_eq!(
        insights.profile(EntityKind::User, "dora", None).await.unwrap_err().kind(),
        FaultKind::NotFound
    );
    assert_eq!(insights.list_segments(None, &PageRequest::FIRST).await.unwrap().items.len(), 1);
}

async fn scalar(insights: &Insights, query: Json) -> Result<Vec<(Vec<String>, f64)>, (FaultKind, String)> {
    let request = json!({"from": 0, "to": 1_900_000_000_000i64, "query": query});
    let request: AnalyticsRequest = serde_json::from_value(request).unwrap();
    let answer = insights.scalar(&request).await.map_err(|error| (error.kind(), error.to_string()))?;
    let row = |group: whodid_engine::Group| {
        let values = group.values.into_iter().map(|value| value.unwrap_or_else(|| MISSING.to_string()));
        (values.collect(), group.numbers[0].unwrap())
    };
    Ok(answer.rows.into_iter().map(row).collect())
}

#[tokio::test]
async fn scalars_by_group_and_within_an_audience() {
    let workspace = workspace(shop()).await;
    let insights = &workspace.insights;
    let base = |search: &str| json!({"data_source": "product_analytics", "search": {"query": search}});
    let query = json!({"query": base("@type:view"), "compute": {"aggregation": "count"},
                       "group_by": [{"facet": "@geo.country"}]});
    let row =
        |values: &[&str], number: f64| (values.iter().map(ToString::to_string).collect::<Vec<_>>(), number);
    assert_eq!(
        scalar(insights, query).await.unwrap(),
        [row(&["Brazil"], 2.0), row(&["N/A"], 1.0), row(&["France"], 1.0)]
    );
    let in_audience = |formula: &str| {
        json!({"query": base("*"), "compute": {"aggregation": "cardinality", "metric": "@usr.id"}, "audience_filters": {
            "users": [{"name": "br", "query": "country:Brazil"}, {"name": "buyers", "query": "user_id:bia"}, {"name": ""}],
            "accounts": [{"name": "acme", "query": "account_id:acme"}], "formula": formula}})
    };
    for (formula, users) in [
        ("br", 2.0),
        ("br AND NOT buyers", 1.0),
        ("NOT (br OR buyers)", 1.0),
        ("acme", 2.0),
        ("acme AND buyers", 1.0),
        ("NOT acme", 0.0),
    ] {
        assert_eq!(scalar(insights, in_audience(formula)).await.unwrap(), [row(&[], users)], "{formula}");
    }
    let (kind, message) = scalar(insights, in_audience("br AND nobody")).await.unwrap_err();
    assert_eq!((kind, message.as_str()), (FaultKind::Invalid, "no filter is called `nobody`"));
}

#[tokio::test]
async fn sessions_are_derived_from_their_views_and_actions() {
    let minute = |minute: i64| format!("2026-11-08T11:{minute:02}:00Z");
    let spent = |minutes: i64| (minutes * 60_000_000_000) as f64;
    let events = vec![
        view("/home").anonymous("a1").session("s1").at(&minute(0)).attr("view.error.count", 2.0).build(),
        action("BUY").user("ana").anonymous("a1").session("s1").at(&minute(3)).build(),
        view("/cart").user("ana").session("s1").at(&minute(2)).attr("view.time_spent", spent(5)).build(),
        whodid_testkit::server("paid").user("ana").session("s1").at(&minute(50)).build(),
        view("/home").user("bia").session("s2").at(&minute(50)).build(),
    ];
    let workspace = workspace(events).await;
    let ask = async |search: &str, aggregation: &str, metric: &str, facets: &[&str]| {
        let facets: Vec<Json> = facets.iter().map(|facet| json!({ "facet": facet })).collect();
        let query = json!({"query": {"data_source": "product_analytics", "search": {"query": search}},
            "compute": {"aggregation": aggregation, "metric": metric}, "group_by": facets});
        scalar(&workspace.insights, query).await.unwrap()
    };
    let row = |values: &[&str], n: f64| (values.iter().map(ToString::to_string).collect::<Vec<_>>(), n);
    assert_eq!(
        ask("@type:session", "count", "", &["@usr.id"]).await,
        [row(&["ana"], 1.0), row(&["bia"], 1.0)]
    );
    let facets = ["@session.initial_view.name", "@session.last_view.name", "@session.is_active"];
    assert_eq!(
        ask("@type:session", "max", "@session.time_spent", &facets).await,
        [row(&["/home", "/cart", "false"], spent(7)), row(&["/home", "/home", "true"], 0.0)]
    );
    assert_eq!(
        ask("@type:session @session.error.count:2", "sum", "@session.view.count", &[]).await,
        [row(&[], 2.0)]
    );
    assert_eq!(ask("*", "count", "", &[]).await, [row(&[], 5.0)]);
    assert_eq!(
        ask("@type:session OR @event.name:paid", "count", "", &["@type"]).await,
        [row(&["session"], 2.0), row(&["server"], 1.0)]
    );
}
