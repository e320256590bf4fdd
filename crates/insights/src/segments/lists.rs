//! The lists of static segments as such: whom they name, known or not.

use std::collections::BTreeSet;

use whodid_engine::{List, Referred};
use whodid_model::{IdentifierKey, Instant, limits};
use whodid_store::BUCKETS;

use crate::InsightError;
use crate::insights::{Insights, off_thread};
use crate::meta::{Asked, Meta};

/// The end of the name of a list that is whole.
pub(super) const LIST_ENDING: &str = ".ids";

/// Which identifiers that name nobody.
#[derive(Clone, Debug)]
pub struct UnmatchedRequest {
    pub at: Option<Instant>,
    /// The last identifier of the page before.
    pub after: Option<String>,
    /// 1 ..= [`limits::PAGE_ITEMS`].
    pub limit: usize,
    /// Only those that contain this text, whatever the case.
    pub search: Option<String>,
}

/// A page of identifiers, in order.
#[derive(Clone, Debug)]
pub struct ListedIdentifiers {
    pub meta: Meta,
    pub key: IdentifierKey,
    /// All that the search accepts, on whichever page.
    pub total: u64,
    pub next: Option<String>,
    pub identifiers: Vec<String>,
}

impl Insights {
    /// The identifiers of a static segment's list that name nobody who is known at the instant.
    ///
    /// Errors: `Invalid` for a segment with a definition.
    pub async fn unmatched(
        &self,
        id: &str,
        request: &UnmatchedRequest,
    ) -> Result<ListedIdentifiers, InsightError> {
        if !(1..=limits::PAGE_ITEMS).contains(&request.limit) {
            return Err(InsightError::Invalid {
                pointer: Some("page[limit]".to_string()),
                message: format!("a page of {} identifiers is not possible", request.limit),
                hint: Some(format!("ask for 1 to {} and follow the cursor", limits::PAGE_ITEMS)),
            });
        }
        let segment = self.catalogue().segment(id).await?;
        let list = self.list_of(&segment).await?;
        let at = self.instant(request.at);
        let asked = Asked::new(at);
        let snapshot = self.snapshot().await?;
        let watermark = snapshot.watermark();
        let (key, request) = (list.key, request.clone());
        let found = off_thread(move || {
            let search = request.search.as_deref().unwrap_or_default().to_lowercase();
            let (mut page, mut total): (BTreeSet<String>, u64) = Default::default();
            list.each_unmatched(&snapshot, at, |identifier| {
                if !search.is_empty() && !identifier.to_lowercase().contains(&search) {
                    return;
                }
                total += 1;
                let before = request.after.as_deref().is_some_and(|after| identifier <= after);
                let full = page.len() > request.limit;
                if before || (full && page.last().is_some_and(|last| last.as_str() < identifier)) {
                    return;
                }
                page.insert(identifier.to_string());
                if page.len() > request.limit + 1 {
                    page.pop_last();
                }
            })
            .map(|()| (page, total, request.limit))
        });
        let (page, total, limit) = found.await??;
        let mut identifiers: Vec<String> = page.into_iter().collect();
        let more = identifiers.len() > limit;
        identifiers.truncate(limit);
        Ok(ListedIdentifiers {
            meta: asked.answered(watermark, Some(segment.version)),
            key,
            total,
            next: identifiers.last().filter(|_| more).cloned(),
            identifiers,
        })
    }

    /// Everything in a static segment's list, bucket by bucket; what comes out imports again as the same list.
    pub async fn identifiers(&self, id: &str) -> Result<(String, List), InsightError> {
        let segment = self.catalogue().segment(id).await?;
        let list = self.list_of(&segment).await?;
        Ok((segment.name, list))
    }

    async fn list_of(&self, segment: &crate::catalogue::Segment) -> Result<List, InsightError> {
        match self.referred_as(segment).await? {
            Referred::List(list) => Ok(list),
            Referred::Definition(_) => Err(InsightError::Invalid {
                pointer: None,
                message: format!("segment “{}” has a definition and holds no list", segment.name),
                hint: Some("ask for its members".to_string()),
            }),
        }
    }

    /// Takes identifiers out of every list, those of deleted segments among them; how many were taken out.
    pub async fn forget_identifiers(&self, ids: &[String], emails: &[String]) -> Result<u64, InsightError> {
        let mut forgotten = 0;
        for segment in self.catalogue().segments_with_lists().await? {
            let Some(list) = &segment.list else { continue };
            let names = if list.key == IdentifierKey::UsrId { ids } else { emails };
            let names = names.iter().map(|name| list.key.normalized(name).into_owned());
            forgotten += self.forget(&segment.id, names.collect()).await?;
        }
        Ok(forgotten)
    }

    async fn forget(&self, segment: &str, names: BTreeSet<String>) -> Result<u64, InsightError> {
        let _change = self.inner.list_changes.lock().await;
        let segment = self.catalogue().segment_or_deleted(segment).await?;
        let Some(stored) = segment.list else { return Ok(0) };
        let (list, folder) = (self.open_list(&stored)?, self.list_folder());
        let file = format!("{}{LIST_ENDING}", self.catalogue().new_id());
        let path = folder.join(&file);
        let rewritten = off_thread(move || {
            let mut found = 0;
            let mut writer = whodid_store::ListWriter::create(&path)?;
            for bucket in 0..BUCKETS {
                let ids = list.bucket(bucket)?;
                let kept: Vec<&str> = ids.iter().filter(|id| !names.contains(*id)).collect();
                found += (ids.len() - kept.len()) as u64;
                writer.bucket(&kept)?;
            }
            writer.finish().map(|list| (found, list.len()))
        });
        let (found, identifiers) = rewritten.await??;
        let changed = crate::catalogue::StoredList { file, identifiers, ..stored };
        self.catalogue().rewrite_list(&segment.id, changed).await?;
        self.sweep_lists().await?;
        Ok(found)
    }

    /// Removes what a crash left behind. To be called once at a start.
    pub async fn sweep_lists_at_start(&self) -> Result<(), InsightError> {
        self.sweep(true).await
    }

    /// Removes the files of lists that no segment has any more. To be called while no list changes.
    pub(super) async fn sweep_lists(&self) -> Result<(), InsightError> {
        self.sweep(false).await
    }

    async fn sweep(&self, unfinished: bool) -> Result<(), InsightError> {
        let folder = self.list_folder();
        let kept: BTreeSet<String> = self.catalogue().list_files().await?.into_iter().collect();
        let sweep = off_thread(move || {
            let Ok(entries) = std::fs::read_dir(&folder) else { return };
            for entry in entries.filter_map(Result::ok) {
                let name = entry.file_name().to_string_lossy().into_owned();
                if !kept.contains(&name) && (unfinished || name.ends_with(LIST_ENDING)) {
                    std::fs::remove_file(entry.path()).ok();
                }
            }
        });
        sweep.await
    }
}
