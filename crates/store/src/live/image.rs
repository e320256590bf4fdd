//! The base as an image shows it, and columns that an image can show again.

use std::sync::Arc;

use super::Live;
use crate::columns::Columns;
use crate::error::StoreError;
use crate::identity::Identity;
use crate::keys::KeyIndex;

impl Live {
    /// What an image shows.
    pub(crate) fn of_image(base: Vec<Arc<Columns>>, identity: Identity, keys: KeyIndex) -> Live {
        let base_rows = base.iter().map(|columns| columns.rows()).sum();
        Live { base, base_rows, identity, keys, current: None, ..Live::new() }
    }

    /// What goes into an image, if all of it is in the table.
    pub(crate) fn shown_by_image(&mut self) -> Option<(Vec<Arc<Columns>>, Identity, KeyIndex)> {
        if !self.unflushed.is_empty() {
            return None;
        }
        self.settle();
        Some((self.base.clone(), self.identity.clone(), self.keys.clone()))
    }

    /// Lets go of what lies in an image too, if more than so many bytes of columns are held. Snapshots that are out keep
    /// theirs.
    pub(crate) fn let_go_above(&mut self, bytes: usize) {
        if self.base.iter().map(|columns| columns.bytes()).sum::<usize>() <= bytes {
            return;
        }
        for columns in &mut self.base {
            if let Some(empty) = columns.let_go() {
                *columns = Arc::new(empty);
                self.current = None;
            }
        }
    }

    /// Why what is shown cannot be trusted.
    pub(crate) fn fault(&self) -> Option<StoreError> {
        self.base.iter().find_map(|columns| columns.fault())
    }

    pub(crate) fn base_rows(&self) -> usize {
        self.base_rows
    }
}
