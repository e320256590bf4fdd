//! A plan that was encoded and read back answers the same.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion::prelude::SessionContext;
use datafusion_proto::bytes::{
    physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec,
};
use jiff::tz::TimeZone;
use serde_json::json;
use whodid_match::{Exclusion, FunnelRules, Periods, Retention, Returning};
use whodid_model::{EntityKind, Instant, TimeRange};
use whodid_query::definition::{Condition, Definition};
use whodid_query::op::Op;
use whodid_query::search::{Dialect, parse};
use whodid_store::Snapshot;

use crate::ops::bucket::{BucketExec, BucketWork};
use crate::ops::grouped::GroupedSpec;
use crate::ops::membership::MembershipSpec;
use crate::subjects::KnownSubjects;
use crate::{
    Audience, Follow, Grain, GroupKey, Grouping, JourneySpec, Node, Occurrences, PathCut, PathwaySpec,
    Population, ProfileValues, RetentionSpec, RowOrder, RowsSpec, ScanColumn, ScanSpec, Steps, Wanted,
    WhodidCodec,
};

fn snapshot() -> Arc<Snapshot> {
    let view = |user: &str, page: &str, at: &str| {
        whodid_testkit::view(page)
            .user(user)
            .account("acme")
            .session(user)
            .at(at)
            .attr("context.n", 2.0)
            .build()
    };
    Snapshot::of_events(vec![
        vec![view("u1", "/cart", "2026-11-01T10:00:00Z"), view("u2", "/home", "2026-11-01T11:00:00Z")],
        vec![view("u2", "/cart", "2026-11-01T12:00:00Z"), view("u3", "/cart", "2026-11-01T12:00:00Z")],
    ])
}

fn at() -> Instant {
    Instant::parse("2026-11-02").unwrap()
}

fn check<W: BucketWork>(work: W, projection: Option<Vec<usize>>) {
    let snapshot = snapshot();
    let plan = BucketExec::new(Arc::new(work), snapshot.clone(), 3, projection).unwrap();
    let plan: Arc<dyn ExecutionPlan> = Arc::new(plan);
    let context = SessionContext::new();
    let codec = WhodidCodec::new(snapshot);
    let bytes = physical_plan_to_bytes_with_extension_codec(plan.clone(), &codec).unwrap();
    let read = physical_plan_from_bytes_with_extension_codec(&bytes, &context.task_ctx(), &codec).unwrap();
    let words = |plan: &Arc<dyn ExecutionPlan>| displayable(plan.as_ref()).indent(false).to_string();
    assert_eq!(words(&plan), words(&read));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let run = |plan| -> Vec<RecordBatch> { runtime.block_on(collect(plan, context.task_ctx())).unwrap() };
    let answer = run(plan);
    assert!(answer.iter().any(|batch| batch.num_rows() > 0));
    assert_eq!(answer, run(read));
}

#[test]
fn membership_plans_travel() {
    let definition = json!({"entity": "user", "where": {"all": [
        {"performed": {"steps": [{"event": "@view.name:/cart"}, {"event": "@view.name:/home", "not": true}],
                       "within": "session", "during": {"last": "7d"}, "times": {"op": ">", "value": 0}, "per": "day"}},
        {"profile": "events_count:>=1"},
    ]}});
    let definition = Definition::from_json(&definition).unwrap();
    let Condition::All(clauses) = definition.condition else { unreachable!("as written above") };
    for kind in [EntityKind::User, EntityKind::Account] {
        let zone = TimeZone::get("America/Sao_Paulo").unwrap();
        check(MembershipSpec::new(kind, at(), zone, clauses.clone()), None);
    }
}

#[test]
fn scans_travel_with_their_audience() {
    let snapshot = snapshot();
    let users = Population::of(EntityKind::User, &snapshot, at());
    let accounts = Population::of(EntityKind::Account, &snapshot, at());
    let audience = Audience::All(vec![
        Audience::Any(vec![
            Audience::Users(users.find(&snapshot, "u2")),
            Audience::Users(users.find(&snapshot, "u3")),
        ]),
        Audience::accounts(&accounts, &accounts.everyone),
    ]);
    let spec = ScanSpec {
        query: parse("@view.name:/c*", Dialect::Event).unwrap(),
        range: TimeRange::ALL.cut_at(at()),
        columns: vec![
            ScanColumn::Ts,
            ScanColumn::Text("view.name".to_string()),
            ScanColumn::Text("type".to_string()),
            ScanColumn::Text("id".to_string()),
            ScanColumn::Text("never.seen".to_string()),
            ScanColumn::Number("context.n".to_string()),
        ],
        grouping: Grouping { keys: vec![GroupKey::Facet("view.name".to_string())], steps: None },
        occurrences: Some(Occurrences { op: Op::GreaterOrEqual, count: 1 }),
        audience: Some(audience),
    };
    check(spec.clone(), None);
    check(spec.clone(), Some(vec![3, 1]));
    let profiles = ProfileValues {
        kind: EntityKind::User,
        by_id: [("u2".to_string(), vec!["gold".to_string()])].into(),
    };
    let steps = Steps::new(&["2026-11-01", "2026-11-02"].map(|day| Instant::parse(day).unwrap()));
    let keys = vec![GroupKey::Facet("type".to_string()), GroupKey::Profile(Arc::new(profiles))];
    let scan = ScanSpec { columns: Vec::new(), grouping: Grouping { keys, steps: Some(steps) }, ..spec };
    check(scan.clone(), None);
    check(GroupedSpec { scan: scan.clone() }, None);
    let order = RowOrder { path: Some("view.name".to_string()), ascending: true };
    check(RowsSpec { scan, columns: vec!["timestamp".to_string()], order, limit: 2 }, None);
}

fn follow(grain: Grain) -> Follow {
    let snapshot = snapshot();
    let users = Population::of(EntityKind::User, &snapshot, at());
    Follow {
        subjects: KnownSubjects::default().get(grain, &snapshot),
        scan: ScanSpec {
            audience: Some(Audience::Users(users.everyone)),
            ..ScanSpec::new(parse("@account.id:acme", Dialect::Event).unwrap(), TimeRange::ALL.cut_at(at()))
        },
        identified_only: true,
    }
}

fn node(text: &str) -> Node {
    Node { query: parse(text, Dialect::Event).unwrap(), occurrences: None }
}

fn by_few(node: Node) -> Node {
    Node { occurrences: Some(Occurrences { op: Op::Less, count: 9 }), ..node }
}

#[test]
fn journeys_travel() {
    for grain in [Grain::Session, Grain::User, Grain::Account] {
        let spec = JourneySpec {
            follow: follow(grain),
            steps: vec![node("@view.name:/home"), by_few(node("@view.name:/cart"))],
            exclusions: vec![node("@view.name:/pay")],
            rules: FunnelRules {
                window_us: Some(86_400_000_000),
                within_us: vec![None, Some(86_400_000_000)],
                exclusions: vec![Exclusion { from_step: 0, to_step: 1 }],
                ..FunnelRules::ordered(2)
            },
            passes: true,
            columns: vec![Wanted::Id, Wanted::Value { step: 1, path: "context.n".to_string() }, Wanted::Next],
        };
        check(spec, None);
    }
}

#[test]
fn retention_travels() {
    let periods = Periods::new((0..4).map(|day| at().0 + (day - 3) * 86_400_000_000).collect()).unwrap();
    let spec = RetentionSpec {
        follow: follow(Grain::User),
        cohort: node("*"),
        returning: by_few(node("@view.name:/cart")),
        rules: Retention::aligned(periods, Returning::OnOrAfter, false),
        columns: vec![Wanted::Id, Wanted::Value { step: 0, path: "view.name".to_string() }],
    };
    check(spec, None);
}

#[test]
fn pathways_travel() {
    let query = |text| parse(text, Dialect::Event).unwrap();
    for cut in [PathCut::None, PathCut::StartingAt(query("@v:/h*")), PathCut::EndingAt(query("@v:/cart"))] {
        for each in [false, true] {
            let labels = [Some("view.name".to_string()), Some("action.name".to_string()), None];
            check(
                PathwaySpec { follow: follow(Grain::Session), labels, cut: cut.clone(), steps: 3, each },
                None,
            );
        }
    }
}
