//! Why an entity is in a segment, or is not.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::{Explained, Leaf, LeavesAt, Miss, Missed, Observed, Witness};
use whodid_model::Instant;

use super::{definition_pointer, read_definition};
use crate::auth::MayRead;
use crate::envelope::{Answer, AnswerMeta, Envelope, JsonBody, One, Parameters, Resource};
use crate::problem::Problem;
use crate::services::Services;

const TYPE: &str = "segment_why";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(in_segment)).routes(routes!(in_definition))
}

#[derive(Debug, Serialize, ToSchema)]
struct WhyAnswer {
    member: bool,
    /// Each clause by itself, in document order.
    leaves: Vec<LeafAnswer>,
    /// The first instant at which the entity would be a member no longer if nothing more happened; null when that
    /// never comes, or is not known.
    #[schema(value_type = Option<String>, format = DateTime)]
    leaves_at: Option<Instant>,
    /// There if `leaves_at` is not known: the entity would stay at every instant up to this one.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    stays_until: Option<Instant>,
}

#[derive(Debug, Serialize, ToSchema)]
struct LeafAnswer {
    /// JSON pointer into the definition.
    pointer: String,
    holds: bool,
    /// A count; the number of a measure, or null; the profile attributes looked at; whether in the segment; of a static
    /// segment whether in the list, by which key, and what the entity goes by there.
    #[schema(value_type = Object)]
    observed: Value,
    /// What `observed` has to meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    bound: Option<BoundAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<WindowAnswer>,
    /// The events of the first occurrences.
    witnesses: Vec<WitnessAnswer>,
    /// How far a clause that does not hold is from holding.
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_miss: Option<MissAnswer>,
}

#[derive(Debug, Serialize, ToSchema)]
struct BoundAnswer {
    #[schema(example = ">=")]
    op: &'static str,
    #[schema(value_type = f64)]
    value: Value,
}

/// Half-open; a missing end is open.
#[derive(Debug, Serialize, ToSchema)]
struct WindowAnswer {
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Instant>,
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Instant>,
}

#[derive(Debug, Serialize, ToSchema)]
struct WitnessAnswer {
    /// Occurrences count from 0.
    occurrence: usize,
    /// The step that the event took, from 0.
    step: usize,
    event_id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[schema(value_type = String, format = DateTime)]
    ts: Instant,
}

#[derive(Debug, Serialize, ToSchema)]
struct MissAnswer {
    /// How many more it would take.
    #[schema(value_type = Option<f64>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    short_by: Option<Value>,
    /// How many there are too many.
    #[schema(value_type = Option<f64>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    over_by: Option<Value>,
    /// How many positive steps were done in a row, by these events.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps_done: Option<usize>,
    done: Vec<WitnessAnswer>,
    /// What kept the next step from being reached: `never`, `broken`, `too_late`, `other_session`, `outside_window` or
    /// `not_together`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// The step that did not happen, or the negative one that did.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    /// The event that stood in the way, or came at the wrong place.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<WitnessAnswer>,
}

/// A number without a fraction is written as a whole one.
fn number(number: f64) -> Value {
    whodid_model::Value::Number(number).to_json()
}

impl From<Witness> for WitnessAnswer {
    fn from(witness: Witness) -> WitnessAnswer {
        WitnessAnswer {
            occurrence: witness.occurrence,
            step: witness.step,
            event_id: witness.event_id,
            kind: witness.kind.name(),
            ts: witness.ts,
        }
    }
}

impl From<Miss> for MissAnswer {
    fn from(miss: Miss) -> MissAnswer {
        let (reason, step, event) = match miss.missed {
            None => (None, None, None),
            Some(Missed::Never { step }) => (Some("never"), Some(step), None),
            Some(Missed::Broken { step, by }) => (Some("broken"), Some(step), Some(by)),
            Some(Missed::TooLate { step, event }) => (Some("too_late"), Some(step), Some(event)),
            Some(Missed::OtherSession { step, event }) => (Some("other_session"), Some(step), Some(event)),
            Some(Missed::OutsideWindow { step, event }) => (Some("outside_window"), Some(step), Some(event)),
            Some(Missed::NotTogether) => (Some("not_together"), None, None),
        };
        MissAnswer {
            short_by: miss.short_by.map(number),
            over_by: miss.over_by.map(number),
            steps_done: miss.steps_done,
            done: miss.done.into_iter().map(WitnessAnswer::from).collect(),
            reason,
            step,
            event: event.map(WitnessAnswer::from),
        }
    }
}

impl From<Leaf> for LeafAnswer {
    fn from(leaf: Leaf) -> LeafAnswer {
        let value = |value: Option<whodid_model::Value>| value.map_or(Value::Null, |value| value.to_json());
        let observed = match leaf.observed {
            Observed::Count(count) => count.into(),
            Observed::Measure(measured) => measured.map_or(Value::Null, number),
            Observed::Profile(attributes) => {
                let attributes = attributes.into_iter().map(|(name, seen)| (name, value(seen)));
                json!(attributes.collect::<BTreeMap<String, Value>>())
            }
            Observed::Segment(member) => member.into(),
            Observed::List { member, key, identifier } => {
                json!({"list": member, "key": key.name(), "identifier": identifier})
            }
        };
        let end = |instant: Instant, open: Instant| (instant != open).then_some(instant);
        LeafAnswer {
            pointer: leaf.pointer,
            holds: leaf.holds,
            observed,
            bound: leaf.bound.map(|(op, value)| BoundAnswer { op: op.symbol(), value: number(value) }),
            window: leaf.window.map(|window| WindowAnswer {
                from: end(window.from, Instant::MIN),
                to: end(window.to, Instant::MAX),
            }),
            witnesses: leaf.witnesses.into_iter().map(WitnessAnswer::from).collect(),
            nearest_miss: leaf.miss.map(MissAnswer::from),
        }
    }
}

fn answer(entity: String, explained: Explained) -> Json<One<WhyAnswer, AnswerMeta>> {
    let Explained { meta, why } = explained;
    let (leaves_at, stays_until) = match why.leaves_at {
        LeavesAt::Never => (None, None),
        LeavesAt::At(instant) => (Some(instant), None),
        LeavesAt::After(instant) => (None, Some(instant)),
    };
    let leaves = why.leaves.into_iter().map(LeafAnswer::from).collect();
    let attributes = WhyAnswer { member: why.member, leaves, leaves_at, stays_until };
    Json(One { data: Resource { id: entity, kind: TYPE, attributes }, meta: meta.into() })
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WhyParameters {
    /// The evaluation instant: RFC 3339 or epoch milliseconds; absent: now.
    #[param(value_type = Option<String>)]
    at: Option<Instant>,
}

/// Why an entity is in a segment or is not: what each clause observed, by which events, and when a member would leave.
#[utoipa::path(
    get, path = "/segments/{id}/members/{entity}/why", tag = "Segments",
    params(("id" = String, Path), ("entity" = String, Path, description = "Its id."), WhyParameters),
    responses((status = 200, body = One<WhyAnswer, AnswerMeta>))
)]
async fn in_segment(
    _: MayRead,
    State(services): State<Services>,
    Path((id, entity)): Path<(String, String)>,
    Parameters(parameters): Parameters<WhyParameters>,
) -> Answer<One<WhyAnswer, AnswerMeta>> {
    let explained = services.insights.why_in_segment(&id, &entity, parameters.at).await?;
    Ok(answer(entity, explained))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WhyQuestion {
    #[schema(value_type = Object)]
    definition: Value,
    /// The id of a user or an account.
    entity: String,
    /// The evaluation instant: RFC 3339 or epoch milliseconds; absent: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Instant>,
}

/// The same for a definition that is not saved.
#[utoipa::path(
    post, path = "/segments/why", tag = "Segments", request_body = Envelope<WhyQuestion>,
    responses((status = 200, body = One<WhyAnswer, AnswerMeta>))
)]
async fn in_definition(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<WhyQuestion>>,
) -> Answer<One<WhyAnswer, AnswerMeta>> {
    let WhyQuestion { definition, entity, at } = body.attributes(TYPE)?;
    let definition = read_definition(&definition)?;
    let explained = services.insights.why(&definition, &entity, at).await;
    let explained = explained.map_err(|error| Problem::from(error).within(&definition_pointer()))?;
    Ok(answer(entity, explained))
}
