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
use whodid_model::{EntityKind, Instant, TimeRange};
use whodid_query::definition::{Condition, Definition};
use whodid_query::op::Op;
use whodid_query::search::{Dialect, parse};
use whodid_store::Snapshot;

use crate::ops::bucket::{BucketExec, BucketWork};
use crate::ops::funnel::FunnelSpec;
use crate::ops::grouped::GroupedSpec;
use crate::ops::membership::MembershipSpec;
use crate::{Audience, Occurrences, Population, ScanColumn, ScanSpec, WhodidCodec};

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
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
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
        occurrences: Some(Occurrences { op: Op::GreaterOrEqual, count: 1 }),
        audience: Some(audience),
    };
    check(spec.clone(), None);
    check(spec.clone(), Some(vec![3, 1]));
    let facets = vec![ScanColumn::Text("type".to_string()), ScanColumn::Text("view.name".to_string())];
    check(GroupedSpec { scan: ScanSpec { columns: facets, ..spec } }, None);
}

#[test]
fn funnels_travel() {
    let steps = ["@view.name:/home", "@view.name:/cart"];
    let steps = steps.map(|step| parse(step, Dialect::Event).unwrap()).to_vec();
    check(
        FunnelSpec { steps, window: Some("24h".parse().unwrap()), range: TimeRange::ALL.cut_at(at()) },
        None,
    );
}
