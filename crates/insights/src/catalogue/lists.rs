//! Static segments: which file holds the list of which.

use whodid_model::EntityKind;

use super::segments::{
    Segment, StoredList, any_segment, insert, live_segment, record_version, refuse_name_in_use, update,
};
use super::text::{clean_description, clean_tags};
use super::{Catalogue, Connection, clean_name, invalid};
use crate::InsightError;

/// What a new static segment is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewList {
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    pub list: StoredList,
}

impl Catalogue {
    /// `Conflict` (naming the holder) for a name in use, `Invalid` for one that can't be.
    pub async fn check_new_name(&self, name: &str) -> Result<(), InsightError> {
        let name = clean_name(name)?;
        match self.segment_by_name(&name).await? {
            None => Ok(()),
            Some(holder) => Err(super::segments::name_in_use(holder.id, &holder.name)),
        }
    }

    /// Saves a new static segment. Errors as for [`Catalogue::create_segment`].
    pub async fn create_list(&self, id: &str, new: NewList) -> Result<Segment, InsightError> {
        let now = self.now();
        let segment = Segment {
            id: id.to_string(),
            name: clean_name(&new.name)?,
            description: clean_description(new.description)?,
            tags: clean_tags(new.tags)?,
            entity: EntityKind::User,
            definition: serde_json::json!({"entity": "user", "where": {"segment": id}}).to_string(),
            version: 1,
            created_at: now,
            modified_at: now,
            deleted_at: None,
            list: Some(new.list),
        };
        let mut transaction = self.begin().await?;
        refuse_name_in_use(&mut transaction, &segment).await?;
        insert(&mut transaction, &segment).await?;
        store_list(&mut transaction, &segment).await?;
        record_version(&mut transaction, &segment).await?;
        transaction.commit().await?;
        Ok(segment)
    }

    /// Gives a static segment another list and raises its version; the segment as it is then.
    ///
    /// Errors: `NotFound`; `Invalid` for a segment with a definition.
    pub async fn replace_list(&self, id: &str, list: StoredList) -> Result<Segment, InsightError> {
        let mut transaction = self.begin().await?;
        let mut segment = live_segment(&mut transaction, id).await?;
        if segment.list.is_none() {
            let message = format!("segment “{}” has a definition and holds no list", segment.name);
            return Err(invalid(None, message, "name a static segment"));
        }
        segment.version += 1;
        segment.modified_at = self.now();
        segment.list = Some(list);
        update(&mut transaction, &segment).await?;
        store_list(&mut transaction, &segment).await?;
        record_version(&mut transaction, &segment).await?;
        transaction.commit().await?;
        Ok(segment)
    }

    /// Every static segment, deleted ones among them.
    pub(crate) async fn segments_with_lists(&self) -> Result<Vec<Segment>, InsightError> {
        let found = sqlx::query_as("SELECT * FROM segments WHERE list_file IS NOT NULL ORDER BY id");
        Ok(found.fetch_all(&self.pool).await?)
    }

    /// Gives a static segment, deleted or not, its list in another file, without a new version.
    pub(crate) async fn rewrite_list(&self, id: &str, list: StoredList) -> Result<(), InsightError> {
        let mut transaction = self.begin().await?;
        let segment = Segment { list: Some(list), ..any_segment(&mut transaction, id).await? };
        store_list(&mut transaction, &segment).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The files of all lists, those of deleted segments among them: these can be restored.
    pub async fn list_files(&self) -> Result<Vec<String>, InsightError> {
        let files = sqlx::query_scalar("SELECT list_file FROM segments WHERE list_file IS NOT NULL");
        Ok(files.fetch_all(&self.pool).await?)
    }
}

async fn store_list(connection: &mut Connection, segment: &Segment) -> Result<(), InsightError> {
    let list = segment.list.as_ref();
    sqlx::query("UPDATE segments SET list_key = $2, list_file = $3, list_identifiers = $4 WHERE id = $1")
        .bind(&segment.id)
        .bind(list.map(|list| list.key.name()))
        .bind(list.map(|list| &list.file))
        .bind(list.map(|list| list.identifiers as i64))
        .execute(connection)
        .await?;
    Ok(())
}
