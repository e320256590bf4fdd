//! The web app: the files under `ui/dist`, as they were when the binary was built (a debug build reads the folder).
//!
//! A file whose name carries a hash of its content stays good for ever; the page that names it is asked for every time.
//! That page says in its headers what a browser may do with it: its own scripts, styles and connections, nothing else.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rust_embed::{Embed, EmbeddedFile};
use uuid::Uuid;

use crate::problem::Problem;

#[derive(Embed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Built;

const INDEX: &str = "index.html";
/// Where the build puts files whose names carry a hash.
const HASHED: &str = "assets/";
/// What the page has in place of the nonce, which is another one in every answer.
const NONCE_PLACEHOLDER: &str = "__CSP_NONCE__";
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// What stands where the app would be in a binary that was built without it.
const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Whodid</title>
<h1>Whodid is running</h1>
<p>This binary was built without the web app. To have it, run <code>npm ci &amp;&amp; npm run build</code> in
<code>ui/</code> and build the binary again, or start everything with <code>make demo</code>.</p>
<p>The API answers at <code>/api/v2/product-analytics</code>; <a href=\"/api/openapi.json\">its description</a>.</p>
</html>
";

/// Everything that no route answers. Paths of the API, and methods that only it has, never get a page.
pub(crate) async fn fallback(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let of_the_api = path == "/api" || path.starts_with("/api/");
    if of_the_api || !matches!(method, Method::GET | Method::HEAD) {
        return nothing_at(path);
    }
    match percent_encoding::percent_decode_str(path.trim_start_matches('/')).decode_utf8() {
        Ok(name) => answer(&name, &headers, Built::get).unwrap_or_else(|| nothing_at(path)),
        Err(_) => nothing_at(path),
    }
}

fn nothing_at(path: &str) -> Response {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at {path}")).into_response()
}

/// A file, or the page for every place inside the app; none for a file that does not exist.
fn answer(name: &str, headers: &HeaderMap, get: impl Fn(&str) -> Option<EmbeddedFile>) -> Option<Response> {
    if name != INDEX
        && !name.is_empty()
        && let Some(file) = get(name)
    {
        return Some(asset(name, file, headers, get));
    }
    (!is_file_name(name)).then(|| page(get(INDEX)))
}

/// Names that only files have. Ids may hold dots, but no place in the app is one dotted word.
fn is_file_name(name: &str) -> bool {
    name.starts_with(HASHED) || (name != INDEX && !name.contains('/') && name.contains('.'))
}

fn asset(
    name: &str,
    file: EmbeddedFile,
    headers: &HeaderMap,
    get: impl Fn(&str) -> Option<EmbeddedFile>,
) -> Response {
    let content_type = HeaderValue::from_str(file.metadata.mimetype());
    let packed = [("br", ".br"), ("gzip", ".gz")].into_iter().filter(|(coding, _)| accepts(headers, coding));
    let (file, coding) = packed
        .filter_map(|(coding, suffix)| Some((get(&format!("{name}{suffix}"))?, Some(coding))))
        .next()
        .unwrap_or((file, None));
    let etag = etag(&file);
    let unchanged = headers.get(IF_NONE_MATCH).is_some_and(|known| names(known, &etag));
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(bytes(file.data)).into_response()
    };
    let answered = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        answered.insert(ETAG, etag);
    }
    if let Ok(content_type) = content_type {
        answered.insert(CONTENT_TYPE, content_type);
    }
    if let Some(coding) = coding {
        answered.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    answered.insert(VARY, HeaderValue::from_static("accept-encoding"));
    answered.insert(CACHE_CONTROL, if name.starts_with(HASHED) { FOR_EVER } else { ASK_AGAIN });
    answered.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn bytes(data: Cow<'static, [u8]>) -> bytes::Bytes {
    match data {
        Cow::Borrowed(data) => bytes::Bytes::from_static(data),
        Cow::Owned(data) => data.into(),
    }
}

/// A strong one: the hash of exactly the bytes that are sent.
fn etag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let digits: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

fn names(known: &HeaderValue, etag: &str) -> bool {
    let known = known.to_str().unwrap_or_default();
    known.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == "*" || one == etag)
}

/// Whether `Accept-Encoding` takes a coding: named, or meant by `*`, and not with a weight of 0.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let mut any = false;
    for offer in lines.flat_map(|line| line.split(',')) {
        let (name, weight) = offer.split_once(';').unwrap_or((offer, "q=1"));
        let weight = weight.trim().trim_start_matches("q=").parse().unwrap_or(1.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case(coding) => return weight > 0.0,
            "*" => any = weight > 0.0,
            _ => {}
        }
    }
    any
}

fn page(index: Option<EmbeddedFile>) -> Response {
    let nonce = Uuid::new_v4().simple().to_string();
    let html = match index {
        Some(file) => String::from_utf8_lossy(&file.data).replace(NONCE_PLACEHOLDER, &nonce),
        None => NOT_BUILT.to_string(),
    };
    let mut response = Body::from(html).into_response();
    let headers = response.headers_mut();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    let fixed: [(HeaderName, HeaderValue); 6] = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CACHE_CONTROL, ASK_AGAIN),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    ];
    headers.extend(fixed);
    response
}

#[cfg(test)]
mod tests;
