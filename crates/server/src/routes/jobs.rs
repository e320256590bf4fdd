//! Jobs: what goes on after its request has been answered.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::Job;
use whodid_insights::catalogue::PageRequest;
use whodid_model::Instant;

use crate::auth::{MayRead, MayWrite};
use crate::envelope::{Answer, ListMeta, Many, One, PageMeta, PageParameters, Parameters, Resource, one};
use crate::problem::Problem;
use crate::services::Services;

const TYPE: &str = "job";
const PAGE_DEFAULT: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get, cancel)).routes(routes!(rejects))
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobAttributes {
    /// `segment_import`, …
    kind: String,
    /// `queued`, `running`, `done`, `failed` or `cancelled`.
    state: &'static str,
    /// From 0 to 1.
    progress: f64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Instant,
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Instant>,
    /// The segment that it is about or has made.
    #[serde(skip_serializing_if = "Option::is_none")]
    segment_id: Option<String>,
    /// What a job that is done has to say.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Value>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<Job> for JobAttributes {
    fn from(job: Job) -> JobAttributes {
        let Job { stored, progress } = job;
        JobAttributes {
            kind: stored.kind,
            state: stored.state.name(),
            progress,
            created_at: stored.created_at,
            finished_at: stored.finished_at,
            segment_id: stored.segment_id,
            report: stored.report,
            error: stored.error,
        }
    }
}

/// The answer to a request that started a job.
pub(super) fn started(job: Job) -> (StatusCode, Json<One<JobAttributes>>) {
    (StatusCode::ACCEPTED, Json(one(job.stored.id.clone(), TYPE, job.into())))
}

/// Lists jobs, the newest first.
#[utoipa::path(
    get, path = "/jobs", tag = "Jobs", params(PageParameters),
    responses((status = 200, body = Many<JobAttributes>))
)]
async fn list(
    _: MayRead,
    State(services): State<Services>,
    Parameters(page): Parameters<PageParameters>,
) -> Answer<Many<JobAttributes>> {
    let page = PageRequest { after: page.cursor, limit: page.limit.unwrap_or(PAGE_DEFAULT) };
    let jobs = services.insights.list_jobs(&page).await?;
    let data = jobs
        .items
        .into_iter()
        .map(|job| Resource { id: job.stored.id.clone(), kind: TYPE, attributes: job.into() })
        .collect();
    Ok(Json(Many { data, meta: ListMeta { page: PageMeta { next: jobs.next } } }))
}

/// One job as it is now.
#[utoipa::path(
    get, path = "/jobs/{id}", tag = "Jobs", params(("id" = String, Path)),
    responses((status = 200, body = One<JobAttributes>))
)]
async fn get(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
) -> Answer<One<JobAttributes>> {
    let job = services.insights.job(&id).await?;
    Ok(Json(one(id, TYPE, job.into())))
}

/// Asks a job to stop. One that stops before its end has changed nothing. 409 for one that is over.
#[utoipa::path(
    delete, path = "/jobs/{id}", tag = "Jobs", params(("id" = String, Path)), responses((status = 204))
)]
async fn cancel(
    _: MayWrite,
    State(services): State<Services>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    services.insights.cancel_job(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The lines that a job left out, as CSV with their reasons.
#[utoipa::path(
    get, path = "/jobs/{id}/rejects.csv", tag = "Jobs", params(("id" = String, Path)),
    responses((status = 200, body = String, content_type = "text/csv"))
)]
async fn rejects(
    _: MayRead,
    State(services): State<Services>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let job = services.insights.job(&id).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.rejects.csv\"", job.stored.id)),
    ];
    let Some(path) = services.insights.rejects_file(&job.stored.id) else {
        return Ok((headers, "line,reason,text\r\n").into_response());
    };
    let file = tokio::fs::File::open(&path).await;
    let file = file.map_err(|error| Problem::internal(&format!("{}: {error}", path.display())))?;
    Ok((headers, Body::from_stream(ReaderStream::new(file))).into_response())
}
