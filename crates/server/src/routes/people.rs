//! People who may log in. A password goes in and never comes out.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::catalogue::{NewPerson, PageRequest, Person, PersonChange, Role};
use whodid_model::Instant;

use crate::auth::MayAdmin;
use crate::envelope::{
    ATTRIBUTES, Answer, Envelope, JsonBody, ListMeta, Many, One, PageMeta, PageParameters, Parameters,
    Resource, one,
};
use crate::problem::Problem;
use crate::services::Services;

const TYPE: &str = "person";
const PAGE_DEFAULT: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, change, delete))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPersonAttributes {
    email: String,
    name: String,
    #[schema(value_type = String, example = "viewer")]
    role: Role,
    /// At least 10 characters.
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PersonChangeAttributes {
    name: Option<String>,
    #[schema(value_type = Option<String>, example = "editor")]
    role: Option<Role>,
    password: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PersonAttributes {
    email: String,
    name: String,
    #[schema(value_type = String)]
    role: Role,
    #[schema(value_type = String, format = DateTime)]
    created_at: Instant,
    #[schema(value_type = String, format = DateTime)]
    modified_at: Instant,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login_at: Option<Instant>,
}

fn resource(person: Person) -> Resource<PersonAttributes> {
    let attributes = PersonAttributes {
        email: person.email,
        name: person.name,
        role: person.role,
        created_at: person.created_at,
        modified_at: person.modified_at,
        last_login_at: person.last_login_at,
    };
    Resource { id: person.id, kind: TYPE, attributes }
}

fn answer(person: Person) -> Json<One<PersonAttributes>> {
    let person = resource(person);
    Json(one(person.id, TYPE, person.attributes))
}

/// Lists everybody, in order of creation.
#[utoipa::path(get, path = "/people", tag = "People", params(PageParameters), responses((status = 200, body = Many<PersonAttributes>)))]
async fn list(
    _: MayAdmin,
    State(services): State<Services>,
    Parameters(page): Parameters<PageParameters>,
) -> Answer<Many<PersonAttributes>> {
    let page = PageRequest { after: page.cursor, limit: page.limit.unwrap_or(PAGE_DEFAULT) };
    let people = services.catalogue().list_people(&page).await?;
    let data = people.items.into_iter().map(resource).collect();
    Ok(Json(Many { data, meta: ListMeta { page: PageMeta { next: people.next } } }))
}

/// Adds somebody.
#[utoipa::path(post, path = "/people", tag = "People", request_body = Envelope<NewPersonAttributes>, responses((status = 201, body = One<PersonAttributes>)))]
async fn create(
    _: MayAdmin,
    State(services): State<Services>,
    JsonBody(body): JsonBody<Envelope<NewPersonAttributes>>,
) -> Result<(StatusCode, Json<One<PersonAttributes>>), Problem> {
    let NewPersonAttributes { email, name, role, password } = body.attributes(TYPE)?;
    let made = services.catalogue().create_person(NewPerson { email, name, role, password }).await;
    Ok((StatusCode::CREATED, answer(made.map_err(|error| Problem::from(error).within(ATTRIBUTES))?)))
}

/// One person.
#[utoipa::path(get, path = "/people/{id}", tag = "People", params(("id" = String, Path)), responses((status = 200, body = One<PersonAttributes>)))]
async fn get(
    _: MayAdmin,
    State(services): State<Services>,
    Path(id): Path<String>,
) -> Answer<One<PersonAttributes>> {
    Ok(answer(services.catalogue().person(&id).await?))
}

/// Changes name, role or password.
#[utoipa::path(
    patch, path = "/people/{id}", tag = "People", params(("id" = String, Path)),
    request_body = Envelope<PersonChangeAttributes>, responses((status = 200, body = One<PersonAttributes>))
)]
async fn change(
    _: MayAdmin,
    State(services): State<Services>,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<Envelope<PersonChangeAttributes>>,
) -> Answer<One<PersonAttributes>> {
    let PersonChangeAttributes { name, role, password } = body.attributes(TYPE)?;
    let changed = services.catalogue().change_person(&id, PersonChange { name, role, password }).await;
    Ok(answer(changed.map_err(|error| Problem::from(error).within(ATTRIBUTES))?))
}

/// Removes somebody.
#[utoipa::path(delete, path = "/people/{id}", tag = "People", params(("id" = String, Path)), responses((status = 204)))]
async fn delete(
    _: MayAdmin,
    State(services): State<Services>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    services.catalogue().delete_person(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
