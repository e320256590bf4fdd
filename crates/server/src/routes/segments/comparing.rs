//! How a segment's size went, and who differs.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::{Comparison, Diff, DiffRequest, HistoryPoint, HistoryRequest, HistoryStep, Side};
use whodid_model::Instant;

use super::preview::SAMPLE_SIZE;
use super::{definition_pointer, read_definition};
use crate::auth::MayRead;
use crate::envelope::{ATTRIBUTES, Answer, AnswerMeta, Envelope, JsonBody, One, Parameters, Resource};
use crate::problem::Problem;
use crate::services::Services;

const HISTORY_TYPE: &str = "segment_history";
const DIFF_TYPE: &str = "segment_diff";
const COMPARISON_TYPE: &str = "segment_comparison";

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(history)).routes(routes!(diff, diff_edited)).routes(routes!(compare))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HistoryParameters {
    /// The first point; absent: 30 days before `to`.
    #[param(value_type = Option<String>)]
    from: Option<Instant>,
    /// The last point; absent: now.
    #[param(value_type = Option<String>)]
    to: Option<Instant>,
    /// `hour`, `day`, `week`, `month` or a duration such as `6h`; absent: `day`.
    step: Option<String>,
    /// Evaluate recorded points again: where `recorded` differs from `size`, events came late.
    #[serde(default)]
    verify: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct HistoryAnswer {
    points: Vec<PointAnswer>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PointAnswer {
    #[schema(value_type = String, format = DateTime)]
    at: Instant,
    size: u64,
    /// Who is there and was not at the point before; null at the first point.
    joined: Option<u64>,
    /// Who was there at the point before and is not; null at the first point.
    left: Option<u64>,
    /// What was recorded at the time by the same definition; absent where nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<u64>,
}

impl From<HistoryPoint> for PointAnswer {
    fn from(point: HistoryPoint) -> PointAnswer {
        PointAnswer {
            at: point.at,
            size: point.size,
            joined: point.joined,
            left: point.left,
            recorded: point.recorded,
        }
    }
}

/// How a segment's size went, by its definition of now: as recorded where there is a record of the instant, evaluated
/// elsewhere.
#[utoipa::path(
    get, path = "/segments/{id}/history", tag = "Segments", params(("id" = String, Path), HistoryParameters),
    responses((status = 200, body = One<HistoryAnswer, AnswerMeta>))
)]
async fn history(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<HistoryParameters>,
) -> Answer<One<HistoryAnswer, AnswerMeta>> {
    let step = parameters.step.as_deref().unwrap_or("day");
    let step = HistoryStep::parse(step).ok_or_else(|| {
        let detail = format!("`{step}` is not a step; write hour, day, week, month or a duration such as 6h");
        Problem::invalid(detail).at("step")
    })?;
    let request =
        HistoryRequest { from: parameters.from, to: parameters.to, step, verify: parameters.verify };
    let history = services.insights.history(&id, &request).await?;
    let attributes = HistoryAnswer { points: history.points.into_iter().map(PointAnswer::from).collect() };
    Ok(Json(One { data: Resource { id, kind: HISTORY_TYPE, attributes }, meta: history.meta.into() }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DiffParameters {
    /// The earlier instant.
    #[param(value_type = String)]
    from: Instant,
    /// The later instant; absent: now.
    #[param(value_type = Option<String>)]
    to: Option<Instant>,
    /// How many ids of each group to show, 20 if absent.
    sample_size: Option<usize>,
    /// Whether to show the ids of everyone.
    #[serde(default)]
    members: bool,
}

#[derive(Debug, Serialize, ToSchema)]
struct DiffAnswer {
    before: SideAnswer,
    after: SideAnswer,
    joined: GroupAnswer,
    left: GroupAnswer,
    stayed: GroupAnswer,
}

#[derive(Debug, Serialize, ToSchema)]
struct SideAnswer {
    #[schema(value_type = String, format = DateTime)]
    at: Instant,
    /// Absent for a definition that is not saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    definition_version: Option<i64>,
    size: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct GroupAnswer {
    count: u64,
    /// The first ids in order; all of them if that was asked for.
    ids: Vec<String>,
}

impl From<Side> for SideAnswer {
    fn from(side: Side) -> SideAnswer {
        SideAnswer { at: side.at, definition_version: side.definition_version, size: side.size }
    }
}

fn diff_answer(id: String, diff: Diff) -> Json<One<DiffAnswer, AnswerMeta>> {
    let attributes = DiffAnswer {
        before: diff.before.into(),
        after: diff.after.into(),
        joined: GroupAnswer { count: diff.joined, ids: diff.joined_ids },
        left: GroupAnswer { count: diff.left, ids: diff.left_ids },
        stayed: GroupAnswer { count: diff.stayed, ids: diff.stayed_ids },
    };
    Json(One { data: Resource { id, kind: DIFF_TYPE, attributes }, meta: diff.meta.into() })
}

fn diff_request(sample_size: Option<usize>, members: bool) -> DiffRequest {
    DiffRequest { sample_size: sample_size.unwrap_or(SAMPLE_SIZE), members }
}

/// Who joined and who left a segment between two instants.
#[utoipa::path(
    get, path = "/segments/{id}/diff", tag = "Segments", params(("id" = String, Path), DiffParameters),
    responses((status = 200, body = One<DiffAnswer, AnswerMeta>))
)]
async fn diff(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<DiffParameters>,
) -> Answer<One<DiffAnswer, AnswerMeta>> {
    let request = diff_request(parameters.sample_size, parameters.members);
    let diff = services.insights.diff_instants(&id, parameters.from, parameters.to, &request).await?;
    Ok(diff_answer(id, diff))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EditQuestion {
    #[schema(value_type = Object)]
    definition: Value,
    /// The evaluation instant: RFC 3339 or epoch milliseconds; absent: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Instant>,
    /// How many ids of each group to show, 20 if absent.
    sample_size: Option<usize>,
    /// Whether to show the ids of everyone.
    #[serde(default)]
    members: bool,
}

/// Who would join and leave a segment if its definition were this one.
#[utoipa::path(
    post, path = "/segments/{id}/diff", tag = "Segments", params(("id" = String, Path)),
    request_body = Envelope<EditQuestion>, responses((status = 200, body = One<DiffAnswer, AnswerMeta>))
)]
async fn diff_edited(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Envelope<EditQuestion>>,
) -> Answer<One<DiffAnswer, AnswerMeta>> {
    let EditQuestion { definition, at, sample_size, members } = body.attributes(DIFF_TYPE)?;
    let definition = read_definition(&definition)?;
    let request = diff_request(sample_size, members);
    let diff = services.insights.diff_definition(&id, &definition, at, &request).await;
    let diff = diff.map_err(|error| Problem::from(error).within(&definition_pointer()))?;
    Ok(diff_answer(id, diff))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ComparisonQuestion {
    /// 2 to 20 segments about the same kind of entity.
    segment_ids: Vec<String>,
    /// The evaluation instant: RFC 3339 or epoch milliseconds; absent: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Instant>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ComparisonAnswer {
    entity: &'static str,
    /// In the order asked for.
    segments: Vec<ComparedAnswer>,
    /// Every two segments.
    pairs: Vec<PairAnswer>,
    /// Up to 5 segments: how many are in exactly these.
    #[serde(skip_serializing_if = "Option::is_none")]
    regions: Option<Vec<RegionAnswer>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ComparedAnswer {
    id: String,
    name: String,
    version: i64,
    size: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct PairAnswer {
    segment_ids: [String; 2],
    intersection: u64,
    union: u64,
    /// Intersection over union; null when both are empty.
    jaccard: Option<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
struct RegionAnswer {
    segment_ids: Vec<String>,
    count: u64,
}

impl From<Comparison> for ComparisonAnswer {
    fn from(comparison: Comparison) -> ComparisonAnswer {
        let id = |place: usize| comparison.segments[place].id.clone();
        let pairs = comparison.pairs.iter().map(|pair| PairAnswer {
            segment_ids: [id(pair.a), id(pair.b)],
            intersection: pair.intersection,
            union: pair.union,
            jaccard: pair.jaccard,
        });
        let regions = comparison.regions.as_ref().map(|regions| {
            let region = regions.iter().map(|region| RegionAnswer {
                segment_ids: region.segments.iter().map(|place| id(*place)).collect(),
                count: region.count,
            });
            region.collect()
        });
        let pairs = pairs.collect();
        let segments = comparison.segments.into_iter().map(|segment| ComparedAnswer {
            id: segment.id,
            name: segment.name,
            version: segment.version,
            size: segment.size,
        });
        ComparisonAnswer { entity: comparison.entity.name(), segments: segments.collect(), pairs, regions }
    }
}

/// How much segments share.
#[utoipa::path(
    post, path = "/segments/compare", tag = "Segments", request_body = Envelope<ComparisonQuestion>,
    responses((status = 200, body = One<ComparisonAnswer, AnswerMeta>))
)]
async fn compare(
    _: MayRead,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<ComparisonQuestion>>,
) -> Answer<One<ComparisonAnswer, AnswerMeta>> {
    let ComparisonQuestion { segment_ids, at } = body.attributes(COMPARISON_TYPE)?;
    let comparison = services.insights.compare(&segment_ids, at).await;
    let comparison = comparison.map_err(|error| Problem::from(error).within(ATTRIBUTES))?;
    let meta = AnswerMeta::from(comparison.meta.clone());
    let data =
        Resource { id: COMPARISON_TYPE.to_string(), kind: COMPARISON_TYPE, attributes: comparison.into() };
    Ok(Json(One { data, meta }))
}
