//! Sessions: somebody who showed a key, or came in by a one-time link, and goes on with a cookie.

use sqlx::Row as _;
use uuid::Uuid;
use whodid_model::{Instant, Span};

use super::keys::{Key, hash};
use super::{Catalogue, Row, Scope};
use crate::InsightError;

/// How long a login lasts.
const SESSION_LASTS: Span = Span::from_days(14);

/// For whom a session is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Whoever holds this key; the session may what the key may, as long as it is live.
    Key(String),
    /// This person; the session may what their role may.
    Person(String),
    /// Whoever can read what the server printed.
    Link,
}

/// A live session and what it allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub holder: Holder,
    /// The key's name, or what a link is called.
    pub name: String,
    pub scope: Scope,
    pub expires_at: Instant,
}

impl Catalogue {
    /// Opens a session and answers its token: 64 random hexadecimal digits. Forgets those that are over.
    pub async fn open_session(&self, holder: &Holder) -> Result<(Session, String), InsightError> {
        let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let now = self.now();
        let (kind, id) = match holder {
            Holder::Key(id) => ("key", id.as_str()),
            Holder::Person(id) => ("person", id.as_str()),
            Holder::Link => ("link", ""),
        };
        sqlx::query("DELETE FROM sessions WHERE expires_at <= $1").bind(now.0).execute(&self.pool).await?;
        sqlx::query(
            "INSERT INTO sessions (token_hash, holder, holder_id, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(hash(&token))
        .bind(kind)
        .bind(id)
        .bind(now.0)
        .bind(now.plus(SESSION_LASTS).0)
        .execute(&self.pool)
        .await?;
        let gone = || InsightError::NotFound { what: kind_of(holder), id: id.to_string() };
        let session = self.find_session(&token).await?.ok_or_else(gone)?;
        Ok((session, token))
    }

    /// The live session of a token. `None` for an unknown or expired one, and for one whose holder may no longer come in.
    pub async fn find_session(&self, token: &str) -> Result<Option<Session>, InsightError> {
        let now = self.now();
        let row = sqlx::query("SELECT * FROM sessions WHERE token_hash = $1 AND expires_at > $2")
            .bind(hash(token))
            .bind(now.0)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (kind, id): (String, String) = (row.try_get("holder")?, row.try_get("holder_id")?);
        let expires_at = Instant(row.try_get("expires_at")?);
        match kind.as_str() {
            "key" => Ok(self.live_key(&id, now).await?.map(|key| Session {
                holder: Holder::Key(id),
                name: key.name,
                scope: key.scope,
                expires_at: key.expires_at.map_or(expires_at, |ends| ends.min(expires_at)),
            })),
            "person" => Ok(self.find_person(&id).await?.map(|person| Session {
                holder: Holder::Person(id),
                name: person.name,
                scope: person.role.scope(),
                expires_at,
            })),
            "link" => Ok(Some(Session {
                holder: Holder::Link,
                name: "One-time link".to_string(),
                scope: Scope::Admin,
                expires_at,
            })),
            _ => Ok(None),
        }
    }

    /// Ends a session; one that is over already stays so.
    pub async fn close_session(&self, token: &str) -> Result<(), InsightError> {
        let delete = sqlx::query("DELETE FROM sessions WHERE token_hash = $1").bind(hash(token));
        delete.execute(&self.pool).await?;
        Ok(())
    }

    async fn live_key(&self, id: &str, now: Instant) -> Result<Option<Key>, InsightError> {
        let row = sqlx::query("SELECT * FROM keys WHERE id = $1").bind(id).fetch_optional(&self.pool).await?;
        let key = row.as_ref().map(<Key as sqlx::FromRow<Row>>::from_row).transpose()?;
        Ok(key.filter(|key| key.is_live(now)))
    }
}

fn kind_of(holder: &Holder) -> &'static str {
    match holder {
        Holder::Key(_) => "key",
        Holder::Person(_) => "person",
        Holder::Link => "link",
    }
}

/// What a page has to send along to change something: it follows from the session's token, and the token not from it.
pub fn csrf_token(token: &str) -> String {
    hash(&format!("csrf {token}"))[..32].to_string()
}
