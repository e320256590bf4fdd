//! Which segments a segment's definition names, and what follows: nothing unknown, no other entity, no cycle, and
//! nothing in use deleted unawares.

use std::collections::{HashMap, HashSet, VecDeque};

use super::segments::{Segment, any_segment, live_segment};
use super::{Catalogue, Connection, invalid};
use crate::InsightError;

/// One place in a definition that names another segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub id: String,
    /// JSON pointer to it inside the definition, such as `/where/all/0/segment`.
    pub pointer: String,
}

impl Reference {
    /// Errors point into the segment as a whole.
    fn pointer_in_segment(&self) -> String {
        format!("/definition{}", self.pointer)
    }
}

/// Something that depends on a segment, or holds a name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Dependent {
    /// What it is: `segment` or `chart`.
    pub what: &'static str,
    pub id: String,
    pub name: String,
}

impl Dependent {
    pub(super) fn segment(id: String, name: String) -> Dependent {
        Dependent { what: "segment", id, name }
    }

    pub(super) fn chart(id: String, name: String) -> Dependent {
        Dependent { what: "chart", id, name }
    }

    fn of(what: &str, id: String, name: String) -> Dependent {
        match what {
            "chart" => Dependent::chart(id, name),
            _ => Dependent::segment(id, name),
        }
    }
}

impl Catalogue {
    /// The live segments whose definitions name this one, then the charts that rest on it, each by name.
    pub async fn used_in(&self, id: &str) -> Result<Vec<Dependent>, InsightError> {
        users(&mut *self.pool.acquire().await?, id).await
    }

    /// The same for every segment that is used at all, by its id: for lists.
    pub async fn used_in_all(&self) -> Result<HashMap<String, Vec<Dependent>>, InsightError> {
        let rows: Vec<(String, String, String, String)> = sqlx::query_as(
            "SELECT r.referenced_id, 'segment' AS what, s.id, s.name, s.name_folded FROM segment_references r
             JOIN segments s ON s.id = r.segment_id
             WHERE s.deleted_at IS NULL
             UNION ALL
             SELECT r.referenced_id, 'chart', c.id, c.name, c.name_folded FROM chart_references r
             JOIN charts c ON c.id = r.chart_id
             ORDER BY 2 DESC, 5",
        )
        .fetch_all(&self.pool)
        .await?;
        let mut users: HashMap<String, Vec<Dependent>> = HashMap::new();
        for (referenced_id, what, id, name) in rows {
            users.entry(referenced_id).or_default().push(Dependent::of(&what, id, name));
        }
        Ok(users)
    }
}

pub(super) async fn users(connection: &mut Connection, id: &str) -> Result<Vec<Dependent>, InsightError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT 'segment' AS what, s.id, s.name, s.name_folded FROM segment_references r
         JOIN segments s ON s.id = r.segment_id
         WHERE r.referenced_id = $1 AND s.deleted_at IS NULL
         UNION ALL
         SELECT 'chart', c.id, c.name, c.name_folded FROM chart_references r
         JOIN charts c ON c.id = r.chart_id
         WHERE r.referenced_id = $1
         ORDER BY 1 DESC, 4",
    )
    .bind(id)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(what, id, name)| Dependent::of(&what, id, name)).collect())
}

/// Refuses references of `segment` (as it is about to be saved) to what is not live or is about the other kind of
/// entity.
pub(super) async fn check(
    connection: &mut Connection,
    segment: &Segment,
    references: &[Reference],
) -> Result<(), InsightError> {
    for reference in references {
        let referenced = live_segment(connection, &reference.id).await?;
        check_entity(segment, &referenced, Some(reference))?;
    }
    Ok(())
}

/// Refuses references of a changed segment that lead back to it. A new one is safe: nothing can name it yet.
pub(super) async fn check_cycles(
    connection: &mut Connection,
    segment: &Segment,
    references: &[Reference],
) -> Result<(), InsightError> {
    let edges = edges(connection).await?;
    for reference in references {
        let Some(path) = path(&edges, &reference.id, &segment.id) else { continue };
        let mut names = segment.name.clone();
        for id in &path {
            let name = if *id == segment.id { segment.name.clone() } else { name(connection, id).await? };
            names = format!("{names} → {name}");
        }
        return Err(invalid(
            Some(&reference.pointer_in_segment()),
            format!("the segment would depend on itself: {names}"),
            "take one of these references out",
        ));
    }
    Ok(())
}

/// Refuses to bring back `segment` if what it names became about the other kind of entity in the meantime. (It may
/// name segments that are deleted: those answer an error when they are asked for.)
pub(super) async fn check_restored(
    connection: &mut Connection,
    segment: &Segment,
) -> Result<(), InsightError> {
    let ids: Vec<String> =
        sqlx::query_scalar("SELECT referenced_id FROM segment_references WHERE segment_id = $1 ORDER BY 1")
            .bind(&segment.id)
            .fetch_all(&mut *connection)
            .await?;
    for id in ids {
        check_entity(segment, &any_segment(connection, &id).await?, None)?;
    }
    Ok(())
}

fn check_entity(
    segment: &Segment,
    referenced: &Segment,
    reference: Option<&Reference>,
) -> Result<(), InsightError> {
    if segment.entity == referenced.entity {
        return Ok(());
    }
    Err(invalid(
        reference.map(Reference::pointer_in_segment).as_deref(),
        format!(
            "segment “{}” is about {}s and can't name “{}”, which is about {}s",
            segment.name, segment.entity, referenced.name, referenced.entity
        ),
        format!("name a segment of {}s", segment.entity),
    ))
}

/// Stores what the current definition of a segment names.
pub(super) async fn replace(
    connection: &mut Connection,
    id: &str,
    references: &[Reference],
) -> Result<(), InsightError> {
    sqlx::query("DELETE FROM segment_references WHERE segment_id = $1")
        .bind(id)
        .execute(&mut *connection)
        .await?;
    let distinct: HashSet<&str> = references.iter().map(|reference| reference.id.as_str()).collect();
    for referenced_id in distinct {
        sqlx::query("INSERT INTO segment_references (segment_id, referenced_id) VALUES ($1, $2)")
            .bind(id)
            .bind(referenced_id)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The whole graph, deleted segments included: a cycle through one of those would close when it is restored.
async fn edges(connection: &mut Connection) -> Result<HashMap<String, Vec<String>>, InsightError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT segment_id, referenced_id FROM segment_references ORDER BY 1, 2")
            .fetch_all(connection)
            .await?;
    let mut edges: HashMap<String, Vec<String>> = HashMap::new();
    for (from, to) in rows {
        edges.entry(from).or_default().push(to);
    }
    Ok(edges)
}

async fn name(connection: &mut Connection, id: &str) -> Result<String, InsightError> {
    let segment = any_segment(connection, id).await?;
    let mark = if segment.deleted_at.is_some() { " (deleted)" } else { "" };
    Ok(format!("{}{mark}", segment.name))
}

/// The shortest path along `edges`, both ends included.
fn path<'a>(edges: &'a HashMap<String, Vec<String>>, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut came_from: HashMap<&str, Option<&str>> = HashMap::from([(from, None)]);
    let mut queue = VecDeque::from([from]);
    while let Some(id) = queue.pop_front() {
        if id == to {
            let mut path: Vec<&str> = std::iter::successors(Some(id), |id| came_from[id]).collect();
            path.reverse();
            return Some(path);
        }
        for next in edges.get(id).into_iter().flatten() {
            if !came_from.contains_key(next.as_str()) {
                came_from.insert(next, Some(id));
                queue.push_back(next);
            }
        }
    }
    None
}
