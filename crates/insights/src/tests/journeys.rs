//! Numbers of journeys, retention and pathways, the lists behind them, and the segments made of them are one set.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use whodid_model::{Event, Instant, Span};
use whodid_testkit::{action, view};

use super::{Workspace, workspace};
use crate::{
    AudienceFilters, BaseQuery, CalendarInterval, CalendarUnit, GraphFilter, Insights, Interval,
    JourneyExclusion, JourneyListing, JourneyNode, JourneyRequest, JourneySearch, JourneyTarget, Origin,
    PathwayKind, PathwayRequest, PathwayTarget, ProfileFilter, RetentionRequest, RetentionScope,
    RetentionSearch, Search,
};

const HOUR_MS: i64 = 3_600_000;
/// 2026-11-02T00:00:00Z, a Monday.
const START_MS: i64 = 1_793_577_600_000;

fn event() -> impl Strategy<Value = Event> {
    let who = (0..5u8, prop::option::of(0..2u8), 0..4u8, prop::option::of(0..2u8));
    (who, 0..4u8, any::<bool>(), 0..48i64).prop_map(
        |((user, anonymous, session, account), page, click, hours)| {
            let name = ["/a", "/b", "/c", "/d"][usize::from(page)];
            let builder = if click { action(name) } else { view(name) };
            let builder = builder.ts(Instant::from_millis(START_MS + hours * 3 * HOUR_MS));
            let builder = if user > 0 { builder.user(&format!("u{user}")) } else { builder };
            let builder = match anonymous {
                Some(anonymous) => builder.anonymous(&format!("a{anonymous}")),
                None => builder,
            };
            let builder = match account {
                Some(account) => builder.account(&format!("acme{account}")),
                None => builder,
            };
            builder.session(&format!("s{session}")).build()
        },
    )
}

fn query() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "@view.name:/a",
        "@view.name:/b",
        "@type:action",
        "@action.name:(/b OR /c)",
        "",
        "-@view.name:/d",
    ])
    .prop_map(str::to_string)
}

fn base(query: &str) -> BaseQuery {
    let search = Search { query: query.to_string(), ..Search::default() };
    BaseQuery { data_source: "product_analytics".to_string(), search }
}

fn audience() -> impl Strategy<Value = Option<AudienceFilters>> {
    let users = |query: &str| AudienceFilters {
        users: vec![ProfileFilter { name: "who".to_string(), query: Some(query.to_string()) }],
        formula: Some("NOT who".to_string()),
        ..AudienceFilters::default()
    };
    prop_oneof![3 => Just(None), 1 => Just(Some(users("user_id:u1"))), 1 => Just(Some(users("session_count:>1")))]
}

fn journey() -> impl Strategy<Value = JourneyRequest> {
    let steps = prop::collection::vec((query(), prop::option::weighted(0.2, 0..30i64)), 1..4);
    let entity = prop::sample::select(vec!["@session.id", "@usr.id", "@account.id"]);
    let order = prop::sample::select(vec!["ordered", "ordered", "strict", "any"]);
    let filter = prop::option::weighted(0.3, query());
    (steps, entity, order, filter, prop::option::weighted(0.4, 0..40i64), audience(), any::<[bool; 2]>())
        .prop_map(
            |(steps, entity, order, string_filter, window_hours, audience_filters, [anonymous, excludes])| {
                let aliases: Vec<String> = (0..steps.len()).map(|step| format!("S{step}")).collect();
                let nodes = steps.iter().enumerate().map(|(step, (query, within_hours))| {
                    let within = within_hours.filter(|_| step > 0 && order != "any");
                    let within = within.map(|hours| Span(hours * HOUR_MS * 1_000));
                    (aliases[step].clone(), JourneyNode { base: base(query), within })
                });
                let window = window_hours.filter(|hours| *hours > 0).map(|hours| GraphFilter {
                    name: "__dd.time_to_convert".to_string(),
                    operator: "<=".to_string(),
                    value: hours * HOUR_MS,
                    target: None,
                });
                let excludes = excludes && order != "any" && steps.len() > 1;
                let exclusion = JourneyExclusion { query: "@view.name:/c".to_string(), from: None, to: None };
                JourneyRequest {
                    from: START_MS + 6 * HOUR_MS,
                    to: START_MS + 130 * HOUR_MS,
                    at: None,
                    interval: None,
                    exclude_anonymous_traffic: anonymous,
                    search: JourneySearch {
                        expression: aliases.join(" -> "),
                        nodes: nodes.collect(),
                        entity: Some(entity.to_string()),
                        string_filter,
                        audience_filters,
                        graph_filters: window.into_iter().collect(),
                        order: Some(order.to_string()),
                        exclusions: excludes.then_some(exclusion).into_iter().collect(),
                    },
                    compute: Default::default(),
                    group_by: Vec::new(),
                }
            },
        )
}

/// Asks over a store with these events.
fn with_events(
    events: Vec<Event>,
    ask: impl AsyncFnOnce(&Insights) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let Workspace { insights, _folder } = workspace(events).await;
        ask(&insights).await
    })
}

/// Whether a definition's members are these, when it claims to be exact.
async fn agrees(insights: &Insights, origin: Origin, ids: &BTreeSet<String>) -> Result<bool, TestCaseError> {
    let made = insights.segment_from(&origin).await.unwrap();
    if !made.exact {
        return Ok(false);
    }
    let preview = insights.preview(&made.definition, None, 100).await.unwrap();
    let members: BTreeSet<String> = preview.sample.into_iter().collect();
    prop_assert_eq!(&members, ids, "{}", made.definition.to_json());
    prop_assert_eq!(preview.count, ids.len() as u64);
    Ok(true)
}

/// Every case opens a store and asks dozens of questions.
fn few_cases() -> ProptestConfig {
    let cases = ProptestConfig::default().cases.div_ceil(32);
    ProptestConfig { cases, max_shrink_iters: 200, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(few_cases())]

    #[test]
    fn a_step_its_list_and_its_segment_are_one_set(
        events in prop::collection::vec(event(), 1..40),
        request in journey(),
    ) {
        with_events(events, async |insights| {
            let key = request.search.entity.clone().unwrap();
            let funnel = insights.journey_funnel(&request).await.unwrap();
            let mut before = u64::MAX;
            for (step, counted) in funnel.steps.iter().enumerate() {
                prop_assert!(counted.count <= before, "counts never grow");
                let value = format!("S{step}");
                let mut targets = vec![(false, Some(JourneyTarget::Node { value: value.clone() }), counted.count)];
                if step > 0 {
                    let path = JourneyTarget::Path { start: format!("S{}", step - 1), end: value };
                    targets.push((true, Some(path), before - counted.count));
                }
                for (drop_off, target, count) in targets {
                    let listing = JourneyListing { target, drop_off, ..JourneyListing::default() };
                    let list = insights.journey_list(&request, &listing).await.unwrap();
                    prop_assert_eq!(list.total, count);
                    let ids: BTreeSet<String> =
                        list.records.iter().map(|record| record[&key].as_text().into_owned()).collect();
                    prop_assert_eq!(ids.len() as u64, count);
                    let origin = Origin::FunnelStep { request: Box::new(request.clone()), step, drop_off };
                    let exact = agrees(insights, origin, &ids).await?;
                    prop_assert!(exact || key != "@usr.id", "a funnel of users is always exact");
                }
                before = counted.count;
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_cell_its_list_and_its_segment_are_one_set(
        events in prop::collection::vec(event(), 1..25),
        (cohort, returning) in (query(), prop::option::of(query())),
        (or_after, account, aligned) in any::<(bool, bool, bool)>(),
        audience_filters in audience(),
    ) {
        let day = |quantity| Interval::Calendar(CalendarInterval {
            unit: CalendarUnit::Day, quantity: Some(quantity), alignment: None, timezone: None,
        });
        let request = RetentionRequest {
            from: START_MS + 6 * HOUR_MS,
            to: START_MS + 130 * HOUR_MS,
            at: None,
            exclude_anonymous_traffic: false,
            search: RetentionSearch {
                cohort: base(&cohort),
                cohort_interval: day(1),
                entity: if account { "@account.id" } else { "@usr.id" }.to_string(),
                or_after,
                returning: returning.as_deref().map(base),
                return_interval: if aligned { None } else { Some(day(2)) },
                string_filter: None,
                audience_filters,
            },
            group_by: Vec::new(),
        };
        with_events(events, async |insights| {
            let grid = insights.retention_grid(&request).await.unwrap();
            let joined = grid.groups[0].cohorts.iter().filter(|(_, cohort)| cohort.size > 0);
            for (index, cohort) in joined {
                for (period, cell) in cohort.cells.iter().enumerate() {
                    prop_assert!(cell.returned <= cohort.size);
                    let scope = RetentionScope::Cell { cohort: Some(*index), period };
                    let list = insights.retention_list(&request, scope, &[], None).await.unwrap();
                    prop_assert_eq!(list.total, cell.returned);
                    let key = &request.search.entity;
                    let ids: BTreeSet<String> =
                        list.records.iter().map(|record| record[key].as_text().into_owned()).collect();
                    let origin = Origin::RetentionCell {
                        request: Box::new(request.clone()), cohort: *index, period: Some(period),
                    };
                    agrees(insights, origin, &ids).await?;
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn pathways_lose_nobody_and_list_whom_they_count(
        events in prop::collection::vec(event(), 1..40),
        entity in prop::sample::select(vec!["@session.id", "@usr.id", "@account.id"]),
        (backwards, include_actions, dropoff_nodes) in any::<(bool, bool, bool)>(),
        anchor in prop::option::of(prop::sample::select(vec!["@view.name:/a", "@view.name:/?"])),
        (steps, entries) in (1..4u64, 1..3u64),
    ) {
        let request = PathwayRequest {
            from: START_MS,
            to: START_MS + 150 * HOUR_MS,
            at: None,
            source: "@view.name".to_string(),
            target: "@view.name".to_string(),
            number_of_steps: Some(steps),
            entries_per_step: Some(entries),
            backwards,
            anchor: anchor.map(str::to_string),
            include_actions,
            dropoff_nodes,
            query: None,
            entity: Some(entity.to_string()),
            audience_filters: None,
        };
        with_events(events, async |insights| {
            let pathways = insights.pathways(&request).await.unwrap();
            let (mut incoming, mut outgoing): (BTreeMap<&str, u64>, BTreeMap<&str, u64>) = Default::default();
            for link in &pathways.links {
                *outgoing.entry(&link.source).or_default() += link.value;
                *incoming.entry(&link.target).or_default() += link.value;
            }
            let last = steps as usize + 1;
            for node in &pathways.nodes {
                let of = |sums: &BTreeMap<&str, u64>| sums.get(node.id.as_str()).copied().unwrap_or(0);
                prop_assert_eq!(of(&incoming), node.incoming);
                prop_assert!(node.column == 0 || node.value == node.incoming);
                let to_dropoff = if dropoff_nodes && node.column < last { node.dropoff } else { 0 };
                prop_assert_eq!(of(&outgoing), node.outgoing + to_dropoff);
                if node.kind == PathwayKind::Dropoff {
                    continue;
                }
                prop_assert!(node.column == last || node.value == node.outgoing + node.dropoff);
                let aggregated: u64 = node.aggregated.iter().map(|node| node.value).sum();
                prop_assert!(node.kind == PathwayKind::Regular || node.value == aggregated);
                if node.kind == PathwayKind::Regular {
                    let target = PathwayTarget { column: node.column, name: node.name.clone(), next: None };
                    let ids = insights.pathway_members(&request, &target).await.unwrap();
                    prop_assert_eq!(ids.len() as u64, node.value);
                    let origin = Origin::Pathway { request: Box::new(request.clone()), target };
                    agrees(insights, origin, &ids.into_iter().collect()).await?;
                }
            }
            Ok(())
        })?;
    }
}
