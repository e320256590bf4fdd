//! The record of segments: kept, made up for, marked when it can't be.

use super::*;
use crate::{HistoryRequest, HistoryStep, Refreshed, SizeState};

async fn saved(insights: &Insights, name: &str, definition: &Json) -> String {
    let definition = Definition::from_json(definition).unwrap();
    let new = NewSegment { name: name.to_string(), description: String::new(), tags: Vec::new(), definition };
    insights.create_segment(new).await.unwrap().id
}

#[tokio::test]
async fn a_record_equals_evaluation_and_late_events_show() {
    let Workspace { insights, _folder } = workspace(shop()).await;
    let cart = json!({"entity": "user", "where": {"performed": {
        "steps": [{"event": "@view.name:/cart"}], "during": {"last": "1d"}}}});
    let id = saved(&insights, "Cart", &cart).await;
    // Eight midnights, and noon.
    assert_eq!(insights.refresh_due().await.unwrap(), Refreshed { points: 9, failed: 0 });
    assert_eq!(insights.refresh_due().await.unwrap(), Refreshed::default());

    let midnight = Instant::parse("2026-11-04T00:00:00Z").unwrap();
    let request = HistoryRequest { from: Some(midnight), to: None, step: HistoryStep::Day, verify: false };
    let told = insights.history(&id, &request).await.unwrap().points;
    let verified = insights.history(&id, &HistoryRequest { verify: true, ..request.clone() }).await.unwrap();
    assert_eq!(told, verified.points);
    assert!(told.iter().all(|point| point.recorded == Some(point.size)), "{told:?}");
    assert_eq!((told[4].size, told[4].joined, told[5].size), (3, Some(3), 0));

    let late = view("/cart").user("dora").session("s9").at("2026-11-07T13:00:00Z").build();
    insights.store().append(vec![late]).await.unwrap();
    let told = insights.history(&id, &request).await.unwrap().points;
    assert_eq!((told[4].size, told[4].recorded), (3, Some(3)));
    let verified = insights.history(&id, &HistoryRequest { verify: true, ..request }).await.unwrap();
    assert_eq!((verified.points[4].size, verified.points[4].recorded), (4, Some(3)));

    let shown = insights.segment(&id).await.unwrap().recent;
    assert_eq!((shown.points.len(), shown.state), (8, SizeState::Fresh));
    assert_eq!(shown.change_7d, Some(1));
    let last = insights.catalogue().last_point(&id).await.unwrap().unwrap();
    assert_eq!(
        (last.at, last.size, last.joined, last.left),
        (Instant::parse(NOW).unwrap(), 0, Some(0), Some(3))
    );
}

#[tokio::test]
async fn a_segment_that_fails_keeps_its_last_good_answer_and_holds_up_no_other() {
    let Workspace { insights, _folder } = workspace(shop()).await;
    let base = saved(&insights, "Base", &json!({"entity": "user", "where": {"all": []}})).await;
    let user = saved(&insights, "User", &json!({"entity": "user", "where": {"segment": base}})).await;
    assert_eq!(insights.refresh_due().await.unwrap().failed, 0);
    let before = insights.catalogue().last_point(&user).await.unwrap().unwrap();
    assert!(before.size > 0);
    insights.delete_segment(&base, true).await.unwrap();
    let listed = insights.list_segments(None, &PageRequest::FIRST).await.unwrap().items;
    assert_eq!((listed.len(), listed[0].size, listed[0].size_as_of), (1, before.size, before.at));
    assert!(matches!(&listed[0].recent.state, SizeState::Failed { reason, .. } if reason.contains(&base)));
}
