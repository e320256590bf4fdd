//! People who log in. A password is stored as an Argon2id hash only.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use whodid_model::{Instant, limits};

use super::{Catalogue, Connection, Page, PageRequest, Row, Scope, clean_name, invalid, is_duplicate};
use crate::InsightError;
use crate::insights::off_thread;

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Ask questions and see definitions.
    Viewer,
    /// Change definitions too.
    Editor,
    /// Everything.
    Admin,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Editor, Role::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Editor => "editor",
            Role::Admin => "admin",
        }
    }

    /// What somebody in this role may do, in terms of keys.
    pub fn scope(self) -> Scope {
        match self {
            Role::Viewer => Scope::Read,
            Role::Editor => Scope::Write,
            Role::Admin => Scope::Admin,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub created_at: Instant,
    pub modified_at: Instant,
    pub last_login_at: Option<Instant>,
}

#[derive(Clone, Debug)]
pub struct NewPerson {
    pub email: String,
    pub name: String,
    pub role: Role,
    pub password: String,
}

/// What is absent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct PersonChange {
    pub name: Option<String>,
    pub role: Option<Role>,
    pub password: Option<String>,
}

impl Catalogue {
    /// `Conflict` if somebody has that address already.
    pub async fn create_person(&self, new: NewPerson) -> Result<Person, InsightError> {
        let email = clean_email(&new.email)?;
        let name = clean_name(&new.name)?;
        let password_hash = self.hash_password(new.password).await?;
        let now = self.now();
        let person = Person {
            id: self.new_id(),
            email,
            name,
            role: new.role,
            created_at: now,
            modified_at: now,
            last_login_at: None,
        };
        let inserted = sqlx::query(
            "INSERT INTO people (id, email, email_folded, name, role, password_hash, created_at, modified_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
        )
        .bind(&person.id)
        .bind(&person.email)
        .bind(person.email.to_lowercase())
        .bind(&person.name)
        .bind(person.role.name())
        .bind(password_hash)
        .bind(now.0)
        .execute(&self.pool)
        .await;
        match inserted {
            Ok(_) => Ok(person),
            Err(error) if is_duplicate(&error) => Err(InsightError::Conflict {
                message: format!("somebody has the address {} already", person.email),
                users: Vec::new(),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Everybody, in order of creation.
    pub async fn list_people(&self, page: &PageRequest) -> Result<Page<Person>, InsightError> {
        let (after, rows) = page.bounds()?;
        let rows: Vec<Person> = sqlx::query_as("SELECT * FROM people WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after)
            .bind(rows)
            .fetch_all(&self.pool)
            .await?;
        Ok(Page::new(rows, page.limit, |person| &person.id))
    }

    pub async fn person(&self, id: &str) -> Result<Person, InsightError> {
        let mut connection = self.pool.acquire().await?;
        person(&mut connection, id).await
    }

    /// For a session: nobody if they were removed in the meantime.
    pub(super) async fn find_person(&self, id: &str) -> Result<Option<Person>, InsightError> {
        let found = sqlx::query_as("SELECT * FROM people WHERE id = $1").bind(id).fetch_optional(&self.pool);
        Ok(found.await?)
    }

    /// `NotFound` if there is nobody with this id.
    pub async fn change_person(&self, id: &str, change: PersonChange) -> Result<Person, InsightError> {
        let name = change.name.map(|name| clean_name(&name)).transpose()?;
        let password_hash = match change.password {
            Some(password) => Some(self.hash_password(password).await?),
            None => None,
        };
        let mut transaction = self.begin().await?;
        let mut changed = person(&mut transaction, id).await?;
        changed.name = name.unwrap_or(changed.name);
        changed.role = change.role.unwrap_or(changed.role);
        changed.modified_at = self.now();
        sqlx::query(
            "UPDATE people SET name = $2, role = $3, modified_at = $4, password_hash = COALESCE($5, password_hash)
             WHERE id = $1",
        )
        .bind(id)
        .bind(&changed.name)
        .bind(changed.role.name())
        .bind(changed.modified_at.0)
        .bind(&password_hash)
        .execute(&mut *transaction)
        .await?;
        if password_hash.is_some() {
            // Whoever came in with the old password has to show the new one.
            sqlx::query("DELETE FROM sessions WHERE holder = 'person' AND holder_id = $1")
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(changed)
    }

    pub async fn delete_person(&self, id: &str) -> Result<(), InsightError> {
        let deleted = sqlx::query("DELETE FROM people WHERE id = $1").bind(id).execute(&self.pool).await?;
        match deleted.rows_affected() {
            0 => Err(InsightError::NotFound { what: "person", id: id.to_string() }),
            _ => Ok(()),
        }
    }

    /// The person with this address, if the password is theirs; notes the login. An unknown address takes as long as a
    /// wrong password.
    pub async fn log_in(&self, email: &str, password: &str) -> Result<Option<Person>, InsightError> {
        let row = sqlx::query("SELECT * FROM people WHERE email_folded = $1")
            .bind(email.trim().to_lowercase())
            .fetch_optional(&self.pool)
            .await?;
        let stored = match &row {
            Some(row) => row.try_get("password_hash")?,
            None => NOBODYS_HASH.to_string(),
        };
        let right = self.verify_password(stored, password).await?;
        let Some(row) = row.filter(|_| right) else { return Ok(None) };
        let mut person = <Person as sqlx::FromRow<Row>>::from_row(&row)?;
        person.last_login_at = Some(self.now());
        sqlx::query("UPDATE people SET last_login_at = $2 WHERE id = $1")
            .bind(&person.id)
            .bind(self.now().0)
            .execute(&self.pool)
            .await?;
        Ok(Some(person))
    }

    async fn hash_password(&self, password: String) -> Result<String, InsightError> {
        if password.chars().count() < limits::PASSWORD_MIN_CHARS || password.len() > limits::PASSWORD_BYTES {
            return Err(invalid(
                Some("/password"),
                "the password is too short or too long",
                format!(
                    "write {} characters or more, up to {} bytes",
                    limits::PASSWORD_MIN_CHARS,
                    limits::PASSWORD_BYTES
                ),
            ));
        }
        let _turn = self.password_turn().await?;
        let hashed = off_thread(move || {
            Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
        });
        hashed.await?.map_err(|error| invalid(Some("/password"), error.to_string(), "choose another"))
    }

    async fn verify_password(&self, stored: String, password: &str) -> Result<bool, InsightError> {
        if password.len() > limits::PASSWORD_BYTES {
            return Ok(false);
        }
        let password = password.to_string();
        let _turn = self.password_turn().await?;
        off_thread(move || {
            PasswordHash::new(&stored)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
    }

    async fn password_turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, InsightError> {
        self.password_checks.acquire().await.map_err(|_| InsightError::Stopped)
    }
}

/// Of a random password that was thrown away, with the parameters of all others.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IDE2Ynl0ZQ$Q2xlYXJseSBub3QgYSByZWFsIGhhc2ggb2YgMzI";

async fn person(connection: &mut Connection, id: &str) -> Result<Person, InsightError> {
    let found = sqlx::query_as("SELECT * FROM people WHERE id = $1").bind(id).fetch_optional(connection);
    found.await?.ok_or_else(|| InsightError::NotFound { what: "person", id: id.to_string() })
}

/// An address is not checked beyond its shape: nothing is sent to it.
fn clean_email(email: &str) -> Result<String, InsightError> {
    let email = email.trim();
    let parts = email.split_once('@').filter(|(before, after)| !before.is_empty() && !after.is_empty());
    let plain = !email.chars().any(|c| c.is_control() || c.is_whitespace());
    if parts.is_none() || !plain || email.chars().count() > limits::NAME_CHARS {
        return Err(invalid(
            Some("/email"),
            format!("`{email}` is not an e-mail address"),
            "write such as ada@example.com",
        ));
    }
    Ok(email.to_string())
}

impl<'r> sqlx::FromRow<'r, Row> for Person {
    fn from_row(row: &'r Row) -> Result<Person, sqlx::Error> {
        let role: String = row.try_get("role")?;
        let known = Role::ALL.into_iter().find(|known| known.name() == role);
        Ok(Person {
            id: row.try_get("id")?,
            email: row.try_get("email")?,
            name: row.try_get("name")?,
            role: known.ok_or_else(|| sqlx::Error::Decode(format!("`{role}` is not a role").into()))?,
            created_at: Instant(row.try_get("created_at")?),
            modified_at: Instant(row.try_get("modified_at")?),
            last_login_at: row.try_get::<Option<i64>, _>("last_login_at")?.map(Instant),
        })
    }
}
