//! The whole data folder as one file.

use std::io::{self, Write};
use std::path::Path;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::catalogue;
use whodid_store::link_folder;

use crate::auth::MayAdmin;
use crate::problem::Problem;
use crate::services::{BACKUP_PREFIX, Services};

/// The members of static segments.
const LISTS: &str = "lists";
const CHUNK_BYTES: usize = 256 * 1024;
const CHUNKS_AHEAD: usize = 8;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(backup))
}

/// Everything that the server keeps, as a tar file, consistent while the server goes on. `whodid restore` reads it.
#[utoipa::path(
    get, path = "/backup", tag = "Operations",
    responses((status = 200, description = "A tar file", body = Vec<u8>, content_type = "application/x-tar"))
)]
async fn backup(_: MayAdmin, State(services): State<Services>) -> Result<impl IntoResponse, Problem> {
    let disk = |error: io::Error| Problem::internal(&format!("can't make a backup: {error}"));
    let staged = tempfile::Builder::new().prefix(BACKUP_PREFIX).tempdir_in(&services.data).map_err(disk)?;
    // A list's file is there before the catalogue names it and for as long as it does: those from before and from after
    // the catalogue's copy are all that the copy can name.
    let lists = (services.data.join(LISTS), staged.path().join(LISTS));
    link_folder(&lists.0, &lists.1).await?;
    services.catalogue().copy_to(&staged.path().join(catalogue::FILE_NAME)).await?;
    link_folder(&lists.0, &lists.1).await?;
    services.store.copy_to(staged.path()).await?;
    let (send, receive) = mpsc::channel(CHUNKS_AHEAD);
    tokio::task::spawn_blocking(move || {
        let pieces = Pieces { buffer: Vec::with_capacity(CHUNK_BYTES), send: send.clone() };
        if let Err(error) = pack(&staged, pieces) {
            tracing::error!(%error, "a backup could not be sent to its end");
            // The receiver has to see that the file is not whole.
            send.blocking_send(Err(error)).ok();
        }
    });
    let named = [
        (header::CONTENT_TYPE, "application/x-tar"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"whodid-backup.tar\""),
    ];
    Ok((named, Body::from_stream(ReceiverStream::new(receive))))
}

fn pack(staged: &TempDir, pieces: Pieces) -> io::Result<()> {
    let mut tar = tar::Builder::new(pieces);
    tar.append_dir_all(Path::new("."), staged.path())?;
    tar.into_inner()?.flush()
}

/// Sends what is written into it, in pieces.
struct Pieces {
    buffer: Vec<u8>,
    send: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK_BYTES)));
        self.send.blocking_send(Ok(piece)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}
