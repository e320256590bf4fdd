//! The parts of a view's URL.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use whodid_model::event::paths::{VIEW_URL_PATH, VIEW_URL_PATH_GROUP};
use whodid_model::{Attributes, Value, limits};

use super::add;

const SCHEME: &str = "view.url_scheme";
const HOST: &str = "view.url_host";
const QUERY: &str = "view.url_query";
/// Most query parameters of one URL that become attributes.
const QUERY_PARAMETERS: usize = 100;

/// A URL taken apart without judging it. What has no scheme is a path: `/cart`, or the screen of a mobile application.
#[derive(Debug, Default, PartialEq)]
struct Parts<'a> {
    scheme: &'a str,
    /// With the port, without the user.
    host: &'a str,
    path: &'a str,
    query: &'a str,
}

fn split(url: &str) -> Parts<'_> {
    let url = url.trim();
    let url = url.split('#').next().unwrap_or_default();
    let (rest, query) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = match rest.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
        _ => match rest.strip_prefix("//") {
            Some(rest) => ("", rest),
            None => return Parts { path: rest, query, ..Parts::default() },
        },
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let host = authority.rsplit('@').next().unwrap_or_default();
    Parts { scheme, host, path, query }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// The host of a URL, if it has one.
pub(super) fn host(url: &str) -> Option<String> {
    let host = split(url).host.to_ascii_lowercase();
    (!host.is_empty()).then_some(host)
}

/// Adds scheme, host, path, path group and query parameters of `view.url`.
pub(super) fn add_view_parts(attributes: &mut Attributes, url: &str, partial: bool) {
    let parts = split(url);
    let group = path_group(parts.path);
    let members = [
        (SCHEME, Cow::Owned(parts.scheme.to_ascii_lowercase())),
        (HOST, Cow::Owned(parts.host.to_ascii_lowercase())),
        (VIEW_URL_PATH, Cow::Borrowed(parts.path)),
        (VIEW_URL_PATH_GROUP, group),
    ];
    for (path, text) in members {
        if !text.is_empty() {
            add(attributes, path, Value::Text(text.into_owned()));
        } else if partial {
            add(attributes, path, Value::Null);
        }
    }
    if partial {
        add(attributes, QUERY, Value::Null);
    }
    add_query(attributes, parts.query);
}

/// The path with every segment that contains a digit replaced by `?`, so that `/product/42` and `/product/43` are one.
fn path_group(path: &str) -> Cow<'_, str> {
    if !path.bytes().any(|b| b.is_ascii_digit()) {
        return Cow::Borrowed(path);
    }
    let mut group = String::with_capacity(path.len());
    for (i, segment) in path.split('/').enumerate() {
        if i > 0 {
            group.push('/');
        }
        group.push_str(if segment.bytes().any(|b| b.is_ascii_digit()) { "?" } else { segment });
    }
    Cow::Owned(group)
}

/// A parameter that is there several times becomes a list.
fn add_query(attributes: &mut Attributes, query: &str) {
    let mut values: Vec<(String, Vec<String>)> = Vec::new();
    for parameter in query.split('&').filter(|text| !text.is_empty()).take(QUERY_PARAMETERS) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let path = format!("{QUERY}.{}", decode(name));
        if name.is_empty() || path.len() > limits::PATH_BYTES || attributes.contains_key(&path) {
            continue;
        }
        let value = decode(value).into_owned();
        match values.iter_mut().find(|(known, _)| *known == path) {
            Some((_, known)) => known.push(value),
            None => values.push((path, vec![value])),
        }
    }
    for (path, mut texts) in values {
        let value = match texts.pop() {
            Some(only) if texts.is_empty() => Value::Text(only),
            Some(last) => {
                texts.push(last);
                Value::List(texts)
            }
            None => continue,
        };
        attributes.insert(path, value);
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests;
