//! The shape in which a browser reports events, as far as the shop uses it.

use serde::Serialize;

pub(super) const APPLICATION_ID: &str = "6a0c3f52-3c1e-4f7e-9d63-2f1c7a0b9d11";
pub(super) const SERVICE: &str = "shop";

#[derive(Serialize)]
pub(super) struct RumEvent<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// Milliseconds.
    pub(super) date: i64,
    pub(super) application: Id<'a>,
    pub(super) session: Session<'a>,
    pub(super) view: View<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) action: Option<Action<'a>>,
    pub(super) usr: Usr<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<Account<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<Context<'a>>,
    pub(super) geo: Geo,
    pub(super) service: &'static str,
    pub(super) version: &'static str,
    pub(super) source: &'static str,
    pub(super) ddtags: &'static str,
    #[serde(rename = "_dd")]
    pub(super) dd: Dd,
}

#[derive(Serialize)]
pub(super) struct Id<'a> {
    pub(super) id: &'a str,
}

#[derive(Serialize)]
pub(super) struct Session<'a> {
    pub(super) id: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

#[derive(Serialize)]
pub(super) struct View<'a> {
    pub(super) id: &'a str,
    pub(super) url: &'a str,
    pub(super) referrer: &'a str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<ViewState>,
}

/// What only view events say. Durations are nanoseconds.
#[derive(Serialize)]
pub(super) struct ViewState {
    pub(super) loading_type: &'static str,
    pub(super) loading_time: i64,
    pub(super) time_spent: i64,
    pub(super) is_active: bool,
    pub(super) action: Count,
    pub(super) error: Count,
    pub(super) frustration: Count,
}

#[derive(Serialize)]
pub(super) struct Count {
    pub(super) count: u32,
}

#[derive(Serialize)]
pub(super) struct Action<'a> {
    pub(super) id: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) target: Target<'a>,
    pub(super) frustration: Frustration,
}

#[derive(Serialize)]
pub(super) struct Target<'a> {
    pub(super) name: &'a str,
}

#[derive(Serialize)]
pub(super) struct Frustration {
    #[serde(rename = "type")]
    pub(super) kinds: &'static [&'static str],
}

#[derive(Serialize)]
pub(super) struct Usr<'a> {
    pub(super) anonymous_id: &'a str,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) known: Option<KnownUsr<'a>>,
}

#[derive(Serialize)]
pub(super) struct KnownUsr<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) email: &'a str,
    pub(super) plan: &'static str,
}

#[derive(Serialize)]
pub(super) struct Account<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
}

#[derive(Serialize)]
pub(super) struct Context<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) product: Option<Product<'a>>,
    pub(super) cart: Cart,
}

#[derive(Serialize)]
pub(super) struct Product<'a> {
    pub(super) id: u32,
    pub(super) department: &'a str,
    pub(super) price: u32,
}

#[derive(Serialize)]
pub(super) struct Cart {
    pub(super) items: u32,
    pub(super) total: u32,
}

#[derive(Serialize)]
pub(super) struct Geo {
    pub(super) country: &'static str,
    pub(super) country_iso_code: &'static str,
    pub(super) city: &'static str,
    pub(super) continent: &'static str,
    pub(super) continent_code: &'static str,
}

#[derive(Serialize)]
pub(super) struct Dd {
    pub(super) format_version: u8,
    pub(super) document_version: u32,
}
