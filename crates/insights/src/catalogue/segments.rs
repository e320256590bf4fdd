//! Saved segments: what one is, and everything that may happen to it.

use sqlx::Row as _;
use whodid_model::{EntityKind, IdentifierKey, Instant, Span, limits};

use super::references::{self, Dependent, Reference};
use super::text::{clean_description, clean_tags, contains_pattern, fold, search_text, tags_json};
use super::{Catalogue, Connection, Page, PageRequest, Row, clean_name, invalid};
use crate::InsightError;

/// How long a deleted segment can be brought back.
const RESTORE_WINDOW: Span = Span::from_days(30);

/// A saved segment, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub id: String,
    /// Unique among live segments, whatever the case.
    pub name: String,
    /// May be empty.
    pub description: String,
    pub tags: Vec<String>,
    pub entity: EntityKind,
    /// Canonical JSON text.
    pub definition: String,
    /// 1 when created; one more with every update.
    pub version: i64,
    pub created_at: Instant,
    pub modified_at: Instant,
    /// Set on a deleted segment.
    pub deleted_at: Option<Instant>,
    /// What a static segment holds. Its definition is a reference to its own id.
    pub list: Option<StoredList>,
}

/// Where the identifiers of a static segment are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredList {
    pub key: IdentifierKey,
    /// A file name in the folder of lists. A list that changes gets a new file.
    pub file: String,
    pub identifiers: u64,
}

/// A segment as it was from one update to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentVersion {
    pub version: i64,
    pub name: String,
    pub entity: EntityKind,
    pub definition: String,
    pub created_at: Instant,
}

/// A definition that has been read and found valid by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub entity: EntityKind,
    /// Canonical JSON text, at most [`limits::DEFINITION_BYTES`].
    pub json: String,
    /// Every place where it names another segment.
    pub references: Vec<Reference>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSegment {
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    pub definition: Definition,
}

/// What an update changes; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentChange {
    pub name: Option<String>,
    pub description: Option<String>,
    pub tags: Option<Vec<String>>,
    pub definition: Option<Definition>,
}

impl Catalogue {
    /// Saves a new segment.
    ///
    /// Errors: `Invalid` (with a pointer into the segment, such as `/name` or `/definition/where/all/0/segment`) for
    /// what breaks a limit or names a segment of the other entity kind, `NotFound` for an unknown segment in the
    /// definition, `Conflict` (naming the holder) for a name in use.
    pub async fn create_segment(&self, new: NewSegment) -> Result<Segment, InsightError> {
        let mut transaction = self.begin().await?;
        let segment = create(&mut transaction, self.new_id(), new, self.now()).await?;
        transaction.commit().await?;
        Ok(segment)
    }

    /// A live segment; `NotFound` if there is none of that id, or it is deleted.
    pub async fn segment(&self, id: &str) -> Result<Segment, InsightError> {
        live_segment(&mut *self.pool.acquire().await?, id).await
    }

    /// A segment, deleted or not.
    pub async fn segment_or_deleted(&self, id: &str) -> Result<Segment, InsightError> {
        any_segment(&mut *self.pool.acquire().await?, id).await
    }

    /// The live segment of that name; case and surrounding blanks don't matter.
    pub async fn segment_by_name(&self, name: &str) -> Result<Option<Segment>, InsightError> {
        let found = sqlx::query_as("SELECT * FROM segments WHERE name_folded = $1 AND deleted_at IS NULL")
            .bind(fold(name.trim()))
            .fetch_optional(&self.pool)
            .await?;
        Ok(found)
    }

    /// Live segments in order of creation; with `search`, those that hold it in name, description or a tag, whatever
    /// the case.
    pub async fn list_segments(
        &self,
        search: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Segment>, InsightError> {
        let (after, rows) = page.bounds()?;
        let search = search.unwrap_or_default().trim();
        if search.chars().count() > limits::NAME_CHARS {
            let message = format!("the search text is longer than {} characters", limits::NAME_CHARS);
            return Err(invalid(None, message, "search for a part of it"));
        }
        let rows: Vec<Segment> = sqlx::query_as(
            r"SELECT * FROM segments
              WHERE deleted_at IS NULL AND id > $1 AND search_text LIKE $2 ESCAPE '\'
              ORDER BY id LIMIT $3",
        )
        .bind(after)
        .bind(contains_pattern(&fold(search)))
        .bind(rows)
        .fetch_all(&self.pool)
        .await?;
        Ok(Page::new(rows, page.limit, |segment| &segment.id))
    }

    /// Changes a live segment and raises its version by one. With `expected_version`, only if that is the current one.
    ///
    /// Errors, in this order: `NotFound`, `Stale`, then as for creation; `Invalid` naming the path for a cycle,
    /// `Conflict` (naming the users) where the entity kind would change under segments that use this one.
    pub async fn update_segment(
        &self,
        id: &str,
        change: SegmentChange,
        expected_version: Option<i64>,
    ) -> Result<Segment, InsightError> {
        let mut transaction = self.begin().await?;
        let segment = change_segment(&mut transaction, id, change, expected_version, self.now()).await?;
        transaction.commit().await?;
        Ok(segment)
    }

    /// Deletes a live segment so that it can be restored. `Conflict` (naming the users) while live segments use it,
    /// unless forced: then those fail until they are changed or it is restored.
    pub async fn delete_segment(&self, id: &str, force: bool) -> Result<(), InsightError> {
        let mut transaction = self.begin().await?;
        delete(&mut transaction, id, force, None, self.now()).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Brings a deleted segment back as it was; a live one is left alone. `Conflict` after 30 days or where its name
    /// has been taken, `Invalid` where what it names became about the other kind of entity.
    pub async fn restore_segment(&self, id: &str) -> Result<Segment, InsightError> {
        let mut transaction = self.begin().await?;
        let mut segment = any_segment(&mut transaction, id).await?;
        let Some(deleted_at) = segment.deleted_at.take() else { return Ok(segment) };
        if self.now() >= deleted_at.plus(RESTORE_WINDOW) {
            let message = format!(
                "segment “{}” was deleted at {deleted_at}; only within {RESTORE_WINDOW} can it be restored",
                segment.name
            );
            return Err(InsightError::Conflict { message, users: Vec::new() });
        }
        references::check_restored(&mut transaction, &segment).await?;
        refuse_name_in_use(&mut transaction, &segment).await?;
        set_deleted(&mut transaction, id, None).await?;
        transaction.commit().await?;
        Ok(segment)
    }

    /// Every version of a segment, deleted or not, oldest first.
    pub async fn segment_versions(&self, id: &str) -> Result<Vec<SegmentVersion>, InsightError> {
        let versions: Vec<SegmentVersion> =
            sqlx::query_as("SELECT * FROM segment_versions WHERE segment_id = $1 ORDER BY version")
                .bind(id)
                .fetch_all(&self.pool)
                .await?;
        if versions.is_empty() { Err(not_found(id)) } else { Ok(versions) }
    }
}

pub(super) async fn create(
    connection: &mut Connection,
    id: String,
    new: NewSegment,
    now: Instant,
) -> Result<Segment, InsightError> {
    let segment = Segment {
        id,
        name: clean_name(&new.name)?,
        description: clean_description(new.description)?,
        tags: clean_tags(new.tags)?,
        entity: new.definition.entity,
        definition: checked_json(&new.definition)?,
        version: 1,
        created_at: now,
        modified_at: now,
        deleted_at: None,
        list: None,
    };
    references::check(connection, &segment, &new.definition.references).await?;
    refuse_name_in_use(connection, &segment).await?;
    insert(connection, &segment).await?;
    references::replace(connection, &segment.id, &new.definition.references).await?;
    record_version(connection, &segment).await?;
    Ok(segment)
}

pub(super) async fn change_segment(
    connection: &mut Connection,
    id: &str,
    change: SegmentChange,
    expected_version: Option<i64>,
    now: Instant,
) -> Result<Segment, InsightError> {
    let before = live_segment(connection, id).await?;
    refuse_stale(&before, expected_version)?;
    let mut segment = before.clone();
    segment.version += 1;
    segment.modified_at = now;
    if let Some(name) = change.name {
        segment.name = clean_name(&name)?;
    }
    if let Some(description) = change.description {
        segment.description = clean_description(description)?;
    }
    if let Some(tags) = change.tags {
        segment.tags = clean_tags(tags)?;
    }
    if change.definition.is_some() && segment.list.is_some() {
        let message = "a static segment holds a list and has no definition";
        return Err(invalid(Some("/definition"), message, "import a file into it, or make another segment"));
    }
    if let Some(definition) = change.definition {
        segment.definition = checked_json(&definition)?;
        segment.entity = definition.entity;
        references::check(connection, &segment, &definition.references).await?;
        references::check_cycles(connection, &segment, &definition.references).await?;
        if segment.entity != before.entity {
            refuse_users(connection, &segment, "keep its entity kind, or change them first").await?;
        }
        references::replace(connection, id, &definition.references).await?;
    }
    refuse_name_in_use(connection, &segment).await?;
    update(connection, &segment).await?;
    record_version(connection, &segment).await?;
    Ok(segment)
}

pub(super) async fn delete(
    connection: &mut Connection,
    id: &str,
    force: bool,
    expected_version: Option<i64>,
    now: Instant,
) -> Result<(), InsightError> {
    let segment = live_segment(connection, id).await?;
    refuse_stale(&segment, expected_version)?;
    if !force {
        refuse_users(connection, &segment, "change them first, or delete with force").await?;
    }
    set_deleted(connection, id, Some(now)).await?;
    Ok(())
}

fn refuse_stale(segment: &Segment, expected_version: Option<i64>) -> Result<(), InsightError> {
    match expected_version {
        Some(version) if version != segment.version => {
            Err(InsightError::Stale { current_version: segment.version })
        }
        _ => Ok(()),
    }
}

pub(super) async fn any_segment(connection: &mut Connection, id: &str) -> Result<Segment, InsightError> {
    let found = sqlx::query_as("SELECT * FROM segments WHERE id = $1").bind(id).fetch_optional(connection);
    found.await?.ok_or_else(|| not_found(id))
}

pub(super) async fn live_segment(connection: &mut Connection, id: &str) -> Result<Segment, InsightError> {
    let segment = any_segment(connection, id).await?;
    if segment.deleted_at.is_some() { Err(not_found(id)) } else { Ok(segment) }
}

pub(super) async fn insert(connection: &mut Connection, segment: &Segment) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO segments (id, name, name_folded, description, tags, search_text, entity, definition, version,
                               created_at, modified_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(&segment.id)
    .bind(&segment.name)
    .bind(fold(&segment.name))
    .bind(&segment.description)
    .bind(tags_json(&segment.tags))
    .bind(search_text(segment))
    .bind(segment.entity.name())
    .bind(&segment.definition)
    .bind(segment.version)
    .bind(segment.created_at.0)
    .bind(segment.modified_at.0)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn update(connection: &mut Connection, segment: &Segment) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE segments
         SET name = $2, name_folded = $3, description = $4, tags = $5, search_text = $6, entity = $7,
             definition = $8, version = $9, modified_at = $10
         WHERE id = $1",
    )
    .bind(&segment.id)
    .bind(&segment.name)
    .bind(fold(&segment.name))
    .bind(&segment.description)
    .bind(tags_json(&segment.tags))
    .bind(search_text(segment))
    .bind(segment.entity.name())
    .bind(&segment.definition)
    .bind(segment.version)
    .bind(segment.modified_at.0)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn record_version(
    connection: &mut Connection,
    segment: &Segment,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO segment_versions (segment_id, version, name, entity, definition, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&segment.id)
    .bind(segment.version)
    .bind(&segment.name)
    .bind(segment.entity.name())
    .bind(&segment.definition)
    .bind(segment.modified_at.0)
    .execute(connection)
    .await?;
    Ok(())
}

async fn set_deleted(connection: &mut Connection, id: &str, at: Option<Instant>) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE segments SET deleted_at = $2 WHERE id = $1")
        .bind(id)
        .bind(at.map(|at| at.0))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn refuse_name_in_use(
    connection: &mut Connection,
    segment: &Segment,
) -> Result<(), InsightError> {
    let holder: Option<(String, String)> = sqlx::query_as(
        "SELECT id, name FROM segments WHERE name_folded = $1 AND id <> $2 AND deleted_at IS NULL",
    )
    .bind(fold(&segment.name))
    .bind(&segment.id)
    .fetch_optional(connection)
    .await?;
    let Some((id, name)) = holder else { return Ok(()) };
    Err(name_in_use(id, &name))
}

pub(super) fn name_in_use(id: String, name: &str) -> InsightError {
    let message = format!("a segment named “{name}” exists already (case makes no difference)");
    InsightError::Conflict { message, users: vec![Dependent::segment(id, name.to_string())] }
}

async fn refuse_users(
    connection: &mut Connection,
    segment: &Segment,
    remedy: &str,
) -> Result<(), InsightError> {
    let users = references::users(connection, &segment.id).await?;
    if users.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = users.iter().map(|user| format!("“{}”", user.name)).collect();
    let message = format!("segment “{}” is used by {}; {remedy}", segment.name, names.join(", "));
    Err(InsightError::Conflict { message, users })
}

fn not_found(id: &str) -> InsightError {
    InsightError::NotFound { what: "segment", id: id.to_string() }
}

fn checked_json(definition: &Definition) -> Result<String, InsightError> {
    if definition.json.len() > limits::DEFINITION_BYTES {
        let message = format!("the definition is longer than {} bytes", limits::DEFINITION_BYTES);
        return Err(invalid(Some("/definition"), message, "split it into segments that refer to each other"));
    }
    Ok(definition.json.clone())
}

impl<'r> sqlx::FromRow<'r, Row> for Segment {
    fn from_row(row: &'r Row) -> Result<Segment, sqlx::Error> {
        let tags: String = row.try_get("tags")?;
        Ok(Segment {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            tags: serde_json::from_str(&tags).map_err(|error| sqlx::Error::Decode(error.into()))?,
            entity: entity(row)?,
            definition: row.try_get("definition")?,
            version: row.try_get("version")?,
            created_at: Instant(row.try_get("created_at")?),
            modified_at: Instant(row.try_get("modified_at")?),
            deleted_at: row.try_get::<Option<i64>, _>("deleted_at")?.map(Instant),
            list: stored_list(row)?,
        })
    }
}

fn stored_list(row: &Row) -> Result<Option<StoredList>, sqlx::Error> {
    let Some(file) = row.try_get::<Option<String>, _>("list_file")? else { return Ok(None) };
    let key: String = row.try_get("list_key")?;
    let unknown = || sqlx::Error::Decode(format!("`{key}` is no key of a list").into());
    let key = IdentifierKey::named(&key).ok_or_else(unknown)?;
    let identifiers: i64 = row.try_get("list_identifiers")?;
    Ok(Some(StoredList { key, file, identifiers: identifiers.max(0) as u64 }))
}

impl<'r> sqlx::FromRow<'r, Row> for SegmentVersion {
    fn from_row(row: &'r Row) -> Result<SegmentVersion, sqlx::Error> {
        Ok(SegmentVersion {
            version: row.try_get("version")?,
            name: row.try_get("name")?,
            entity: entity(row)?,
            definition: row.try_get("definition")?,
            created_at: Instant(row.try_get("created_at")?),
        })
    }
}

pub(super) fn entity(row: &Row) -> Result<EntityKind, sqlx::Error> {
    let name: String = row.try_get("entity")?;
    [EntityKind::User, EntityKind::Account]
        .into_iter()
        .find(|kind| kind.name() == name)
        .ok_or_else(|| sqlx::Error::Decode(format!("`{name}` is not an entity kind").into()))
}
