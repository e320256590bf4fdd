//! Access keys. A secret is shown once, when its key is made, and stored only as a hash.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::Row as _;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use whodid_model::{Instant, Span, limits};

use super::{Catalogue, Connection, Page, PageRequest, Row, clean_name, invalid, is_duplicate};
use crate::InsightError;

/// How exact [`Key::last_used_at`] is: a key in steady use is written this often.
const LAST_USED_STEP: Span = Span::from_seconds(60);
/// Most characters of a secret that are shown; never more than a third of it.
const PREFIX_CHARS: usize = 8;

/// What a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Send events.
    Ingest,
    /// Ask questions and see definitions.
    Read,
    /// Change definitions, and all of `Read`.
    Write,
    /// Everything, keys and erasure included.
    Admin,
}

impl Scope {
    pub const ALL: [Scope; 4] = [Scope::Ingest, Scope::Read, Scope::Write, Scope::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Scope::Ingest => "ingest",
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Admin => "admin",
        }
    }

    /// Whether a key of this scope may do what `needed` allows.
    pub fn allows(self, needed: Scope) -> bool {
        self == needed || self == Scope::Admin || (self == Scope::Write && needed == Scope::Read)
    }

    /// What a generated secret begins with, so that a stray one tells what it opens.
    fn secret_prefix(self) -> &'static str {
        match self {
            Scope::Ingest => "wdi_",
            Scope::Read => "wdr_",
            Scope::Write => "wdw_",
            Scope::Admin => "wda_",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A key as it may be shown to anyone who manages keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub id: String,
    pub name: String,
    pub scope: Scope,
    /// The first characters of the secret.
    pub prefix: String,
    pub created_at: Instant,
    /// Exact to the minute.
    pub last_used_at: Option<Instant>,
    pub revoked_at: Option<Instant>,
    /// The first instant at which it no longer opens anything.
    pub expires_at: Option<Instant>,
    /// The only application whose events it takes.
    pub application_id: Option<String>,
    /// The only origins (`https://shop.example`) that may use it; empty: any.
    pub origins: Vec<String>,
    /// Absent: as many as a key has by default.
    pub requests_per_minute: Option<u32>,
    /// The key that it takes over from.
    pub rotated_from: Option<String>,
}

impl Key {
    pub fn is_live(&self, now: Instant) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub name: String,
    pub scope: Scope,
    /// 1 ..= [`limits::SECRET_BYTES`] visible ASCII characters; absent: the scope's prefix and 32 random hexadecimal
    /// digits.
    pub secret: Option<String>,
    pub expires_at: Option<Instant>,
    pub application_id: Option<String>,
    pub origins: Vec<String>,
    pub requests_per_minute: Option<u32>,
}

impl NewKey {
    pub fn new(name: &str, scope: Scope) -> NewKey {
        NewKey {
            name: name.to_string(),
            scope,
            secret: None,
            expires_at: None,
            application_id: None,
            origins: Vec::new(),
            requests_per_minute: None,
        }
    }
}

impl Catalogue {
    /// Makes a key; answers it with its secret. `Conflict` if a key, revoked or not, has that secret.
    pub async fn create_key(&self, new: NewKey) -> Result<(Key, String), InsightError> {
        let mut transaction = self.begin().await?;
        let made = self.insert_key(&mut transaction, new, None).await?;
        transaction.commit().await?;
        Ok(made)
    }

    /// Makes a key that may do what this one may. The old one goes on for `overlap`, so that whoever holds it has time
    /// to change over. `Conflict` if it opens nothing any more.
    pub async fn rotate_key(&self, id: &str, overlap: Span) -> Result<(Key, String), InsightError> {
        let mut transaction = self.begin().await?;
        let old = key(&mut transaction, id).await?;
        let now = self.now();
        if !old.is_live(now) {
            return Err(InsightError::Conflict {
                message: format!("`{}` is revoked or expired; make a new key", old.name),
                users: Vec::new(),
            });
        }
        let until = old.expires_at.unwrap_or(Instant::MAX).min(now.plus(overlap));
        let new = NewKey {
            name: old.name,
            scope: old.scope,
            secret: None,
            expires_at: old.expires_at,
            application_id: old.application_id,
            origins: old.origins,
            requests_per_minute: old.requests_per_minute,
        };
        let made = self.insert_key(&mut transaction, new, Some(id.to_string())).await?;
        sqlx::query("UPDATE keys SET expires_at = $2 WHERE id = $1")
            .bind(id)
            .bind(until.0)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(made)
    }

    async fn insert_key(
        &self,
        connection: &mut Connection,
        new: NewKey,
        rotated_from: Option<String>,
    ) -> Result<(Key, String), InsightError> {
        let random = || format!("{}{}", new.scope.secret_prefix(), Uuid::new_v4().simple());
        let secret = new.secret.clone().unwrap_or_else(random);
        check_new(&new, &secret)?;
        let key = Key {
            id: self.new_id(),
            name: clean_name(&new.name)?,
            scope: new.scope,
            prefix: prefix(&secret),
            created_at: self.now(),
            last_used_at: None,
            revoked_at: None,
            expires_at: new.expires_at,
            application_id: new.application_id,
            origins: new.origins,
            requests_per_minute: new.requests_per_minute,
            rotated_from,
        };
        let origins = serde_json::to_string(&key.origins).unwrap_or_default();
        let inserted = sqlx::query(
            "INSERT INTO keys (id, name, scope, prefix, secret_hash, created_at, expires_at, application_id, origins,
                 requests_per_minute, rotated_from)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(&key.id)
        .bind(&key.name)
        .bind(key.scope.name())
        .bind(&key.prefix)
        .bind(hash(&secret))
        .bind(key.created_at.0)
        .bind(key.expires_at.map(|at| at.0))
        .bind(&key.application_id)
        .bind(origins)
        .bind(key.requests_per_minute.map(i64::from))
        .bind(&key.rotated_from)
        .execute(connection)
        .await;
        match inserted {
            Ok(_) => Ok((key, secret)),
            Err(error) if is_duplicate(&error) => Err(InsightError::Conflict {
                message: "a key with this secret exists already, live or revoked; choose another".to_string(),
                users: Vec::new(),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// The live key of a secret, noting its use. `None` for an unknown, revoked or expired one alike.
    pub async fn find_key(&self, secret: &str) -> Result<Option<Key>, InsightError> {
        let now = self.now();
        let hash = hash(secret);
        let candidates = sqlx::query("SELECT * FROM keys WHERE prefix = $1")
            .bind(prefix(secret))
            .fetch_all(&self.pool)
            .await?;
        for row in &candidates {
            let candidate: String = row.try_get("secret_hash")?;
            if bool::from(candidate.as_bytes().ct_eq(hash.as_bytes())) {
                let key = <Key as sqlx::FromRow<Row>>::from_row(row)?;
                return Ok(if key.is_live(now) { Some(self.note_use(key, now).await) } else { None });
            }
        }
        Ok(None)
    }

    /// All keys, revoked and expired ones too, in order of creation.
    pub async fn list_keys(&self, page: &PageRequest) -> Result<Page<Key>, InsightError> {
        let (after, rows) = page.bounds()?;
        let rows: Vec<Key> = sqlx::query_as("SELECT * FROM keys WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after)
            .bind(rows)
            .fetch_all(&self.pool)
            .await?;
        Ok(Page::new(rows, page.limit, |key| &key.id))
    }

    /// Makes a key useless for good. One that is revoked already stays as it is.
    pub async fn revoke_key(&self, id: &str) -> Result<Key, InsightError> {
        let mut transaction = self.begin().await?;
        sqlx::query("UPDATE keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
            .bind(id)
            .bind(self.now().0)
            .execute(&mut *transaction)
            .await?;
        let key = key(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(key)
    }

    /// A key stays good when its use can't be noted, on a full disk for example.
    async fn note_use(&self, mut key: Key, now: Instant) -> Key {
        if key.last_used_at.is_some_and(|last| now < last.plus(LAST_USED_STEP)) {
            return key;
        }
        let noted = sqlx::query("UPDATE keys SET last_used_at = $2 WHERE id = $1")
            .bind(&key.id)
            .bind(now.0)
            .execute(&self.pool)
            .await;
        match noted {
            Ok(_) => key.last_used_at = Some(now),
            Err(error) => tracing::warn!(key = key.id, %error, "could not note the use of a key"),
        }
        key
    }
}

async fn key(connection: &mut Connection, id: &str) -> Result<Key, InsightError> {
    let found = sqlx::query_as("SELECT * FROM keys WHERE id = $1").bind(id).fetch_optional(connection);
    found.await?.ok_or_else(|| InsightError::NotFound { what: "key", id: id.to_string() })
}

fn check_new(new: &NewKey, secret: &str) -> Result<(), InsightError> {
    let visible = secret.bytes().all(|byte| byte.is_ascii_graphic());
    if secret.is_empty() || secret.len() > limits::SECRET_BYTES || !visible {
        return Err(invalid(
            Some("/secret"),
            "the secret can't be sent in a header",
            format!("write 1 to {} visible ASCII characters, without blanks", limits::SECRET_BYTES),
        ));
    }
    if new.origins.len() > limits::KEY_ORIGINS {
        let message = format!("a key takes at most {} origins", limits::KEY_ORIGINS);
        return Err(invalid(Some("/origins"), message, "make another key for the others"));
    }
    if let Some(at) = new.origins.iter().position(|origin| !is_origin(origin)) {
        return Err(invalid(
            Some(&format!("/origins/{at}")),
            format!("`{}` is not an origin", new.origins[at]),
            "write scheme, host and port as a browser does, such as https://shop.example",
        ));
    }
    if new.requests_per_minute == Some(0) {
        return Err(invalid(
            Some("/requests_per_minute"),
            "a key that may send nothing is of no use",
            "write a number of at least 1, or revoke the key",
        ));
    }
    Ok(())
}

/// `scheme://host` or `scheme://host:port`, without a path.
fn is_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, host)| {
        !scheme.is_empty()
            && !host.is_empty()
            && text.len() <= limits::PATH_BYTES
            && !host.contains(['/', '?', '#', '@', ' ', '*'])
    })
}

/// The part of a secret that may be shown, and by which candidates are looked up.
fn prefix(secret: &str) -> String {
    let shown = (secret.chars().count() / 3).min(PREFIX_CHARS);
    secret.chars().take(shown).collect()
}

pub(super) fn hash(secret: &str) -> String {
    Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl<'r> sqlx::FromRow<'r, Row> for Key {
    fn from_row(row: &'r Row) -> Result<Key, sqlx::Error> {
        let instant = |column| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(column)?.map(Instant));
        let scope: String = row.try_get("scope")?;
        let known = Scope::ALL.into_iter().find(|known| known.name() == scope);
        Ok(Key {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            scope: known
                .ok_or_else(|| sqlx::Error::Decode(format!("`{scope}` is not a scope of keys").into()))?,
            prefix: row.try_get("prefix")?,
            created_at: Instant(row.try_get("created_at")?),
            last_used_at: instant("last_used_at")?,
            revoked_at: instant("revoked_at")?,
            expires_at: instant("expires_at")?,
            application_id: row.try_get("application_id")?,
            origins: match row.try_get::<Option<String>, _>("origins")? {
                None => Vec::new(),
                Some(json) => {
                    serde_json::from_str(&json).map_err(|error| sqlx::Error::Decode(error.into()))?
                }
            },
            requests_per_minute: row
                .try_get::<Option<i64>, _>("requests_per_minute")?
                .map(|n| u32::try_from(n).unwrap_or(u32::MAX)),
            rotated_from: row.try_get("rotated_from")?,
        })
    }
}
