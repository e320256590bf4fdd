//! Who changed what, and when.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use whodid_insights::catalogue::{AuditEntry, PageRequest};
use whodid_model::Instant;

use crate::auth::MayAdmin;
use crate::envelope::{Answer, ListMeta, Many, PageMeta, PageParameters, Parameters, Resource};
use crate::services::Services;

const PAGE_DEFAULT: usize = 100;

pub(super) fn routes() -> OpenApiRouter<Services> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(Debug, Serialize, ToSchema)]
struct AuditAttributes {
    #[schema(value_type = String, format = DateTime)]
    at: Instant,
    actor: AuditActor,
    /// Method and path with its parameters' names.
    action: String,
    /// The path as it was sent.
    path: String,
    /// The id of what was made or changed, as far as the answer said it.
    target: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AuditActor {
    /// `key`, `person`, `link` or `process`.
    kind: String,
    id: String,
    /// As it was called then.
    name: String,
}

fn resource(entry: AuditEntry) -> Resource<AuditAttributes> {
    let actor = AuditActor { kind: entry.actor_kind, id: entry.actor_id, name: entry.actor_name };
    let attributes =
        AuditAttributes { at: entry.at, actor, action: entry.action, path: entry.path, target: entry.target };
    Resource { id: entry.id, kind: "audit_entry", attributes }
}

/// Lists every change that was made through the API, the newest first.
#[utoipa::path(get, path = "/audit", tag = "Audit", params(PageParameters), responses((status = 200, body = Many<AuditAttributes>)))]
async fn list(
    _: MayAdmin,
    State(services): State<Services>,
    Parameters(page): Parameters<PageParameters>,
) -> Answer<Many<AuditAttributes>> {
    let page = PageRequest { after: page.cursor, limit: page.limit.unwrap_or(PAGE_DEFAULT) };
    let entries = services.catalogue().audit(&page).await?;
    let data = entries.items.into_iter().map(resource).collect();
    Ok(Json(Many { data, meta: ListMeta { page: PageMeta { next: entries.next } } }))
}
