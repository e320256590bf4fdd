//! The image of the base: when it is written, and what a start makes of it.

use std::path::Path;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::Inner;
use super::flush::Parts;
use crate::error::StoreError;
use crate::image::{self, Image};
use crate::live::Live;
use crate::table::PartId;

/// While the store runs, an image is written when it would show so many rows more than the one before, and half as many
/// again.
const GROWN_ROWS: u64 = 1_000_000;

/// What the image on disk shows.
#[derive(Default)]
pub(super) struct Saved {
    parts: FxHashSet<String>,
    rows: u64,
    /// The image that columns are read from. One that was written later is read by the next start.
    image: Option<Arc<Image>>,
}

/// When to write.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Due {
    /// If there is anything that the image does not show.
    Always,
    WhenGrown,
}

impl Saved {
    pub(super) fn shows(&self, part: &PartId) -> bool {
        self.parts.contains(&part.to_string())
    }

    /// The file is gone. Columns that are read from it still can be, and a new one is due.
    pub(super) fn forget(&mut self) {
        self.parts.clear();
        self.rows = 0;
    }

    pub(super) fn read_bytes(&self) -> u64 {
        self.image.as_ref().map_or(0, |image| image.read_bytes())
    }
}

/// Starts from the image, if there is one and the table has all that it shows.
pub(super) async fn open(root: &Path, parts: &Parts) -> Result<(Live, Saved), StoreError> {
    let of_blocking = root.to_path_buf();
    let shown = tokio::task::spawn_blocking(move || Image::open(&of_blocking)).await;
    let shown = shown.map_err(|source| StoreError::Stopped { detail: source.to_string() })?;
    let in_table: FxHashSet<String> = parts.table.parts().iter().map(|part| part.id.to_string()).collect();
    match shown.filter(|shown| shown.parts.iter().all(|part| in_table.contains(part))) {
        Some(shown) => {
            let live = Live::of_image(shown.base, shown.identity, shown.keys);
            let rows = live.base_rows() as u64;
            let saved = Saved { parts: shown.parts.into_iter().collect(), rows, image: Some(shown.image) };
            Ok((live, saved))
        }
        None => {
            image::remove(root);
            Ok((Live::new(), Saved::default()))
        }
    }
}

impl Inner {
    /// Writes an image if one is due and everything is in the table. Nothing depends on it, so a failure is only told.
    pub(super) async fn save(self: &Arc<Inner>, due: Due) -> Result<(), StoreError> {
        let parts = self.table.lock().await;
        let infos = parts.table.parts();
        let rows = infos.iter().map(|part| part.rows).sum::<u64>();
        let ids: Vec<String> = infos.iter().map(|part| part.id.to_string()).collect();
        {
            let saved = self.saved.lock();
            let grown = rows >= saved.rows + GROWN_ROWS.max(saved.rows / 2);
            let differs = ids.len() != saved.parts.len() || ids.iter().any(|id| !saved.parts.contains(id));
            let wanted = if due == Due::Always { differs } else { grown };
            if parts.in_doubt || rows < self.options.image_rows || !wanted {
                return Ok(());
            }
        }
        let inner = self.clone();
        let write = move || {
            let shown = inner.live.lock().live.shown_by_image();
            let Some((base, identity, keys)) = shown else { return };
            match image::write(&inner.root, ids.clone(), &base, &identity, &keys) {
                Ok(()) => {
                    let mut saved = inner.saved.lock();
                    saved.parts = ids.into_iter().collect();
                    saved.rows = rows;
                }
                Err(error) => {
                    tracing::warn!(%error, "could not write an image; the next start reads the table")
                }
            }
        };
        let written = tokio::task::spawn_blocking(write).await;
        written.map_err(|source| StoreError::Stopped { detail: source.to_string() })
    }
}
