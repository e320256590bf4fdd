//! Who is in a segment, page by page.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};
use whodid_engine::{EntitySet, Membership};
use whodid_model::{EntityKind, Instant, Value, limits};
use whodid_query::definition::Definition;
use whodid_store::value_order;

use super::ids;
use crate::InsightError;
use crate::insights::{Insights, read_definition};
use crate::meta::{Asked, Meta};

/// Which members of a segment.
#[derive(Clone, Debug)]
pub struct MembersRequest {
    pub at: Option<Instant>,
    /// [`Members::next`] of the page before.
    pub after: Option<String>,
    /// 1 ..= [`limits::PAGE_ITEMS`].
    pub limit: usize,
    /// Only ids that contain this text, whatever the case.
    pub search: Option<String>,
    /// A profile attribute, with `-` before it for the largest first; absent: by id. Members without the attribute come
    /// last, equal ones in order of id.
    pub sort: Option<String>,
    pub profiles: bool,
}

/// A page of members.
#[derive(Clone, Debug)]
pub struct Members {
    pub meta: Meta,
    pub entity: EntityKind,
    /// All members that the search accepts, on whichever page.
    pub total: u64,
    pub next: Option<String>,
    pub members: Vec<Member>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub id: String,
    /// Empty unless profiles were asked for.
    pub profile: BTreeMap<String, Value>,
}

/// A member and what it is sorted by.
type Keyed = (String, Option<Value>);

impl Insights {
    pub async fn members(&self, id: &str, request: &MembersRequest) -> Result<Members, InsightError> {
        let segment = self.catalogue().segment(id).await?;
        let definition = read_definition(&segment.definition)?;
        self.members_of(&definition, Some(segment.version), request).await
    }

    /// The members of a definition that need not be saved.
    pub async fn members_of(
        &self,
        definition: &Definition,
        version: Option<i64>,
        request: &MembersRequest,
    ) -> Result<Members, InsightError> {
        if !(1..=limits::PAGE_ITEMS).contains(&request.limit) {
            return Err(InsightError::Invalid {
                pointer: Some("page[limit]".to_string()),
                message: format!("a page of {} members is not possible", request.limit),
                hint: Some(format!("ask for 1 to {} and follow the cursor", limits::PAGE_ITEMS)),
            });
        }
        let at = self.instant(request.at);
        let asked = Asked::new(at);
        let membership = self.membership(definition, at).await?;
        let sort = request.sort.as_deref().unwrap_or("id");
        let (name, descending) = match sort.strip_prefix('-') {
            Some(name) => (name, true),
            None => (sort, false),
        };
        let mut found: Vec<Keyed> = match name {
            "" | "id" => ids(&membership, &membership.members).into_iter().map(|id| (id, None)).collect(),
            name => self.inner.engine.attribute_of(&membership, &membership.members, name, at),
        };
        if let Some(search) = request.search.as_deref().filter(|search| !search.is_empty()) {
            let search = search.to_lowercase();
            found.retain(|(id, _)| id.to_lowercase().contains(&search));
        }
        let by_id = matches!(name, "" | "id");
        let order = |a: &Keyed, b: &Keyed| compare(a, b, by_id, descending);
        found.sort_by(order);
        let after = request.after.as_deref().map(|cursor| read_cursor(cursor, by_id)).transpose()?;
        let first =
            after.map_or(0, |after| found.partition_point(|one| order(one, &after) != Ordering::Greater));
        let page = &found[first..found.len().min(first + request.limit)];
        let more = first + page.len() < found.len();
        let page_ids: Vec<String> = page.iter().map(|(id, _)| id.clone()).collect();
        Ok(Members {
            entity: definition.entity,
            total: found.len() as u64,
            next: page.last().filter(|_| more).map(|last| write_cursor(last, by_id)),
            members: if request.profiles {
                self.with_profiles(&membership, &page_ids, at)
            } else {
                page_ids.into_iter().map(|id| Member { id, profile: BTreeMap::new() }).collect()
            },
            meta: asked.answered(membership.snapshot.watermark(), version),
        })
    }

    /// The members with these ids, in this order, with their profiles.
    pub(super) fn with_profiles(&self, membership: &Membership, page: &[String], at: Instant) -> Vec<Member> {
        let mut set = EntitySet::empty();
        for id in page {
            set.or(&membership.population.find(&membership.snapshot, id));
        }
        let profiles = self.inner.engine.profiles(membership, &set, at);
        let mut known: HashMap<String, BTreeMap<String, Value>> =
            profiles.into_iter().map(|profile| (profile.id, profile.attributes)).collect();
        let member = |id: &String| Some(Member { id: id.clone(), profile: known.remove(id)? });
        page.iter().filter_map(member).collect()
    }
}

fn compare(a: &Keyed, b: &Keyed, by_id: bool, descending: bool) -> Ordering {
    let turned = |order: Ordering| if descending { order.reverse() } else { order };
    let by_value = match (&a.1, &b.1) {
        (Some(a), Some(b)) => turned(value_order(a, b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    let by_name = a.0.cmp(&b.0);
    by_value.then(if by_id { turned(by_name) } else { by_name })
}

fn write_cursor((id, value): &Keyed, by_id: bool) -> String {
    match by_id {
        true => id.clone(),
        false => json!([value.as_ref().map(Value::to_json), id]).to_string(),
    }
}

fn read_cursor(cursor: &str, by_id: bool) -> Result<Keyed, InsightError> {
    if by_id {
        return Ok((cursor.to_string(), None));
    }
    let invalid = || InsightError::Invalid {
        pointer: Some("page[cursor]".to_string()),
        message: "that is not a cursor of this list".to_string(),
        hint: Some("send the cursor of the page before, unchanged, with the same sort".to_string()),
    };
    let (value, id): (Json, String) = serde_json::from_str(cursor).map_err(|_| invalid())?;
    let value = match value {
        Json::Null => None,
        value => Some(Value::from_json(&value).ok_or_else(invalid)?),
    };
    Ok((id, value))
}
