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
}

impl Key {
    pub fn is_live(&self, now: Instant) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

impl Catalogue {
    /// Makes a key and its secret: the scope's prefix and 32 random hexadecimal digits.
    pub async fn create_key(
        &self,
        name: &str,
        scope: Scope,
        expires_at: Option<Instant>,
    ) -> Result<(Key, String), InsightError> {
        let secret = format!("{}{}", scope.secret_prefix(), Uuid::new_v4().simple());
        let key = self.create_key_with_secret(name, scope, expires_at, &secret).await?;
        Ok((key, secret))
    }

    /// Makes a key of a given secret (1 ..= [`limits::SECRET_BYTES`] visible ASCII characters). `Conflict` if a key,
    /// revoked or not, has that secret.
    pub async fn create_key_with_secret(
        &self,
        name: &str,
        scope: Scope,
        expires_at: Option<Instant>,
        secret: &str,
    ) -> Result<Key, InsightError> {
        let visible = secret.bytes().all(|byte| byte.is_ascii_graphic());
        if secret.is_empty() || secret.len() > limits::SECRET_BYTES || !visible {
            return Err(invalid(
                Some("/secret"),
                "the secret can't be sent in a header",
                format!("write 1 to {} visible ASCII characters, without blanks", limits::SECRET_BYTES),
            ));
        }
        let key = Key {
            id: self.new_id(),
            name: clean_name(name)?,
            scope,
            prefix: prefix(secret),
            created_at: self.now(),
            last_used_at: None,
            revoked_at: None,
            expires_at,
        };
        let inserted = sqlx::query(
            "INSERT INTO keys (id, name, scope, prefix, secret_hash, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&key.id)
        .bind(&key.name)
        .bind(key.scope.name())
        .bind(&key.prefix)
        .bind(hash(secret))
        .bind(key.created_at.0)
        .bind(key.expires_at.map(|at| at.0))
        .execute(&self.pool)
        .await;
        match inserted {
            Ok(_) => Ok(key),
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
        })
    }
}
