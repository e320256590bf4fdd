//! Events from files.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_intake::flat::{self, Format, Input, Mapping, Options, Piece};
use whodid_model::{Event, limits};
use xxhash_rust::xxh3::Xxh3;

use super::rum::Taken;
use crate::auth::MayIngest;
use crate::envelope::{Answer, Parameters, next_piece, too_large};
use crate::problem::Problem;
use crate::services::Services;

/// How many events are read at once, and go into the store at once.
const READ_EVENTS: usize = 10_000;
const BATCH_EVENTS: usize = 250_000;
/// What the watchers of incoming events are told that these come from.
const SOURCE: &str = "import";
/// Of how many events of a piece the watchers are told.
const TOLD_EVENTS: usize = 1_000;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(import))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ImportParameters {
    /// Which column is which facet: `user_id=usr.id,event=action.name,ts=timestamp`.
    map: Option<String>,
    /// Take rows that are the same for different events.
    #[serde(default)]
    keep_duplicates: bool,
}

/// Takes a file of events: NDJSON (flat, or as browsers send them), CSV or Parquet, by its content type. 200 once all
/// that could be read is durable.
#[utoipa::path(
    post, path = "/events/import", tag = "Intake", params(ImportParameters),
    request_body(content = String, content_type = "application/x-ndjson"),
    responses((status = 200, body = Taken))
)]
async fn import(
    _: MayIngest,
    State(services): State<Services>,
    Parameters(parameters): Parameters<ImportParameters>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Taken> {
    let format = format(&headers)?;
    let mapping = parameters.map.as_deref().unwrap_or_default().parse::<Mapping>()?;
    let Spooled { file, hash } = spool(body, &services.data).await?;
    let options = Options {
        format,
        mapping,
        keep_duplicates: parameters.keep_duplicates,
        source: hash,
        chunk_events: READ_EVENTS,
    };
    // What has arrived is finished even when the sender has gone.
    let finish = services.arrived.clone().spawn(async move { read_into(&services, file, options).await });
    Ok(Json(finish.await??))
}

/// What the file is, when the content type says so; else its first bytes do.
fn format(headers: &HeaderMap) -> Result<Option<Format>, Problem> {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some(format) = Format::from_content_type(content_type) {
        return Ok(Some(format));
    }
    match content_type {
        "" | "application/octet-stream" => Ok(None),
        other => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "`{other}` is not a kind of file that can be imported; send Content-Type application/x-ndjson, text/csv, \
                 application/vnd.apache.parquet, or application/octet-stream to have it recognised"
            ),
        )),
    }
}

struct Spooled {
    file: File,
    /// Of the content, so that the same file again is the same source.
    hash: String,
}

/// A copy of the body on disk, so that a file of any allowed size needs little memory. It vanishes with its handle.
async fn spool(body: Body, folder: &Path) -> Result<Spooled, Problem> {
    let disk = |error: std::io::Error| Problem::internal(&format!("can't keep an import on disk: {error}"));
    let mut file = tokio::fs::File::from_std(tempfile::tempfile_in(folder).map_err(disk)?);
    let mut hash = Xxh3::new();
    let mut chunks = body.into_data_stream();
    let mut bytes = 0;
    while let Some(chunk) = next_piece(&mut chunks).await? {
        bytes += chunk.len();
        if bytes > limits::IMPORT_BODY_BYTES {
            return Err(too_large(limits::IMPORT_BODY_BYTES));
        }
        hash.update(&chunk);
        file.write_all(&chunk).await.map_err(disk)?;
    }
    file.flush().await.map_err(disk)?;
    let mut file = file.into_std().await;
    file.seek(SeekFrom::Start(0)).map_err(disk)?;
    Ok(Spooled { file, hash: format!("{:032x}", hash.digest128()) })
}

/// One thread reads while the store takes in what has been read.
async fn read_into(services: &Services, file: File, options: Options) -> Result<Taken, Problem> {
    let (sender, mut receiver) = mpsc::channel::<Piece>(1);
    let enricher = services.enricher.clone();
    let reading = tokio::task::spawn_blocking(move || {
        // The other end goes away only when the store has failed, which is reported there.
        let mut send =
            |piece| sender.blocking_send(piece).map_err(|_| Problem::internal("an import was given up"));
        flat::read_batches(Input::File(file), &options, BATCH_EVENTS, &enricher, &mut send)
    });
    let mut import = services.store.import();
    while let Some(Piece { batch, others }) = receiver.recv().await {
        let told: Vec<Event> = (0..batch.rows().min(TOLD_EVENTS)).map(|row| batch.event(row)).collect();
        let notes = services.tail.notes(SOURCE, services.clock.now(), &told);
        import.take(batch).await?;
        import.take_one_by_one(others).await?;
        services.tail.tell(notes);
    }
    let report = reading.await??;
    services.tail.rejected(SOURCE, services.clock.now(), &report.rejected, &[]);
    let taken = Taken::new(report, import.finish().await?);
    taken.count(&services.counters);
    Ok(taken)
}
