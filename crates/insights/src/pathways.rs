//! Pathways: which way sessions went, as columns of places and the links between them.

use std::collections::{BTreeMap, HashMap};

use whodid_engine::{Follow, Grain, PathCut, PathwaySpec, ScanSpec};
use whodid_match::Place;
use whodid_model::event::paths;
use whodid_model::{EventType, Instant};
use whodid_query::search::{Dialect, Expr, Facet, Query};

use crate::InsightError;
use crate::analytics::{AudienceFilters, path, time_range};
use crate::insights::Insights;
use crate::journeys::plan::{event_query, grain, invalid};
use crate::meta::{Asked, Meta};
use crate::origins::accepts_only;

#[derive(Clone, Debug)]
pub struct PathwayRequest {
    /// Epoch milliseconds, inclusive.
    pub from: i64,
    /// Epoch milliseconds, exclusive.
    pub to: i64,
    /// The evaluation instant; absent: now.
    pub at: Option<Instant>,
    pub source: String,
    pub target: String,
    /// 0 to 10; 0 or absent: 5.
    pub number_of_steps: Option<u64>,
    /// 0 to 10; 0 or absent: 5.
    pub entries_per_step: Option<u64>,
    /// Paths end at the place that is asked for, rather than start there. They are read backwards from it.
    pub backwards: bool,
    /// A query whose tests on the source facet say where paths are cut.
    pub anchor: Option<String>,
    pub include_actions: bool,
    /// Whether sequences that end are shown as nodes and links of their own.
    pub dropoff_nodes: bool,
    /// Over events. Its tests on the source facet say where paths are cut, too.
    pub query: Option<String>,
    /// `@session.id` (absent), `@usr.id` or `@account.id`.
    pub entity: Option<String>,
    pub audience_filters: Option<AudienceFilters>,
}

#[derive(Clone, Debug)]
pub struct Pathways {
    pub meta: Meta,
    pub nodes: Vec<PathwayNode>,
    pub links: Vec<PathwayLink>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathwayKind {
    Regular,
    /// Places that are not among the largest of their column.
    Other,
    /// Sequences that ended in the column before.
    Dropoff,
}

/// A place in a column. What comes in and goes out is what the links say; of what does not go on, `dropoff` ended there.
#[derive(Clone, Debug)]
pub struct PathwayNode {
    pub id: String,
    pub name: String,
    pub column: usize,
    pub kind: PathwayKind,
    pub value: u64,
    pub incoming: u64,
    pub outgoing: u64,
    pub dropoff: u64,
    pub aggregated: Vec<AggregatedNode>,
}

#[derive(Clone, Debug)]
pub struct AggregatedNode {
    pub id: String,
    pub name: String,
    pub value: u64,
    pub incoming: u64,
    pub outgoing: u64,
}

#[derive(Clone, Debug)]
pub struct PathwayLink {
    pub id: String,
    /// Of the source.
    pub column: usize,
    pub source: String,
    pub target: String,
    pub value: u64,
}

/// One place in a pathway, or the way from it to one in the next column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathwayTarget {
    pub column: usize,
    pub name: String,
    pub next: Option<String>,
}

const MOST: u64 = 10;
const DEFAULT: usize = 5;
/// What a node of all other places, and one of sequences that ended, are called.
const OTHER: &str = "Other";
const DROPOFF: &str = "Drop-off";

fn within_ten(value: Option<u64>, pointer: &str) -> Result<usize, InsightError> {
    match value.unwrap_or(0) {
        0 => Ok(DEFAULT),
        value if value <= MOST => Ok(value as usize),
        value => Err(invalid(pointer, format!("{value} is more than {MOST}"), "write 1 to 10")),
    }
}

/// The event type that a facet speaks of.
fn kind_of(facet: &str) -> EventType {
    match facet.split('.').next() {
        Some("action") => EventType::Action,
        Some("event") => EventType::Server,
        _ => EventType::View,
    }
}

/// What the columns of one request are made of.
pub(crate) struct Shape {
    pub(crate) grain: Grain,
    pub(crate) labels: [Option<String>; EventType::STORED.len()],
    pub(crate) filter: Query,
    cut: PathCut,
    columns: usize,
    entries: usize,
}

impl PathwayRequest {
    pub(crate) fn shape(&self) -> Result<Shape, InsightError> {
        let (source, target) = (path(&self.source), path(&self.target));
        if source.is_empty() {
            let message = "the source names no facet";
            return Err(invalid("/definition/source", message, "name a facet, such as @view.name"));
        }
        let query = event_query(self.query.as_deref(), "/search/query")?;
        let anchor = event_query(self.anchor.as_deref(), "/definition/anchor")?;
        let is_place =
            |expr: &Expr| matches!(expr, Expr::Term(term) if term.facet == Facet::Path(source.to_string()));
        let parts = |query: &Query| match query.expr.clone() {
            Expr::And(parts) => parts,
            Expr::Everything => Vec::new(),
            one => vec![one],
        };
        let names_type = query.facets().contains(&"type");
        let (mut places, filter): (Vec<Expr>, Vec<Expr>) = parts(&query).into_iter().partition(is_place);
        places.extend(parts(&anchor).into_iter().filter(|part| only_names(part, source)));
        let as_query = |parts: Vec<Expr>| {
            let query = Query { expr: Expr::and(parts), text: String::new(), dialect: Dialect::Event };
            Query { text: query.to_string(), ..query }
        };
        let cut = match (places.is_empty(), self.backwards) {
            (true, _) => PathCut::None,
            (false, false) => PathCut::StartingAt(as_query(places)),
            (false, true) => PathCut::EndingAt(as_query(places)),
        };

        let mut labels: [Option<String>; EventType::STORED.len()] = Default::default();
        labels[kind_of(source) as usize] = Some(source.to_string());
        if !target.is_empty() && kind_of(target) != kind_of(source) {
            labels[kind_of(target) as usize] = Some(target.to_string());
        }
        let action = EventType::Action as usize;
        if self.include_actions && labels[action].is_none() {
            labels[action] = Some(paths::ACTION_NAME.to_string());
        }
        if names_type {
            // The query says which types it means; each is named as it usually is.
            let usual = [source, paths::ACTION_NAME, paths::EVENT_NAME];
            for (label, usual) in labels.iter_mut().zip(usual) {
                label.get_or_insert_with(|| usual.to_string());
            }
        }
        Ok(Shape {
            grain: grain(self.entity.as_deref(), "/search/join_keys/primary")?,
            labels,
            filter: as_query(filter),
            cut,
            columns: within_ten(self.number_of_steps, "/definition/number_of_steps")? + 2,
            entries: within_ten(self.entries_per_step, "/definition/entries_per_step")?,
        })
    }
}

impl Shape {
    /// Whether every path starts, or ends, at the place of this name.
    pub(crate) fn anchor_is(&self, name: &str) -> bool {
        match &self.cut {
            PathCut::None => false,
            PathCut::StartingAt(query) | PathCut::EndingAt(query) => accepts_only(query, name),
        }
    }
}

/// Whether an expression tests nothing but this facet.
fn only_names(expr: &Expr, facet: &str) -> bool {
    let mut only = true;
    expr.each_term(&mut |term, _| only &= term.facet == Facet::Path(facet.to_string()));
    only
}

impl Insights {
    /// Errors: `Invalid` with a pointer relative to the request's attributes.
    pub async fn pathways(&self, request: &PathwayRequest) -> Result<Pathways, InsightError> {
        let shape = request.shape()?;
        let (columns, entries) = (shape.columns, shape.entries);
        let (spec, snapshot, asked) = self.pathway_spec(request, shape).await?;
        let paths = self.inner.engine.pathways(&snapshot, spec).await?;
        let counted = Counted::new(&paths, columns);
        let (nodes, links) = counted.shown(entries, request.dropoff_nodes);
        Ok(Pathways { nodes, links, meta: asked.answered(snapshot.watermark(), None) })
    }

    /// Ids of the entities that are at a place, or went a way, sorted. Names are those of `regular` and aggregated nodes.
    pub async fn pathway_members(
        &self,
        request: &PathwayRequest,
        target: &PathwayTarget,
    ) -> Result<Vec<String>, InsightError> {
        let shape = request.shape()?;
        let (spec, snapshot, _) = self.pathway_spec(request, shape).await?;
        let each = self.inner.engine.paths_of_each(&snapshot, spec).await?;
        let is_there = |path: &[String]| {
            path.get(target.column) == Some(&target.name)
                && target.next.as_ref().is_none_or(|next| path.get(target.column + 1) == Some(next))
        };
        Ok(each.into_iter().filter(|(_, path)| is_there(path)).map(|(id, _)| id).collect())
    }

    async fn pathway_spec(
        &self,
        request: &PathwayRequest,
        shape: Shape,
    ) -> Result<(PathwaySpec, std::sync::Arc<whodid_store::Snapshot>, Asked), InsightError> {
        let range = time_range(request.from, request.to)?;
        let at = self.instant(request.at);
        let asked = Asked::new(at);
        let snapshot = self.snapshot().await?.at(at);
        let filters = request.audience_filters.as_ref();
        let scan = ScanSpec {
            audience: self.audience(&snapshot, filters, at, "/search/audience_filters").await?,
            ..ScanSpec::new(shape.filter, range.cut_at(at))
        };
        let subjects = self.inner.engine.subjects(shape.grain, &snapshot).await?;
        let follow = Follow { subjects, scan, identified_only: false };
        // One more than is shown, so that it is known what of the last column goes on.
        let steps = shape.columns + 1;
        let spec = PathwaySpec { follow, labels: shape.labels, cut: shape.cut, steps, each: false };
        Ok((spec, snapshot, asked))
    }
}

/// A place in a column, and the column's weights.
type At = (usize, String);

/// Every place of every column by itself.
#[derive(Default)]
struct Counted {
    columns: usize,
    values: BTreeMap<At, u64>,
    dropoffs: HashMap<At, u64>,
    links: BTreeMap<(usize, String, String), u64>,
}

impl Counted {
    fn new(paths: &whodid_engine::Paths, columns: usize) -> Counted {
        let name = |value: u32| paths.values[value as usize].clone();
        let mut counted = Counted { columns, ..Counted::default() };
        let graph = paths.tree.graph(columns + 1, usize::MAX);
        for (column, places) in graph.steps.iter().enumerate().take(columns) {
            for (place, sessions) in places {
                if let Place::Value(value) = place {
                    counted.values.insert((column, name(*value)), *sessions);
                }
            }
        }
        for link in &graph.links {
            match (link.from, link.to) {
                (Place::Value(from), Place::Value(to)) if link.step + 1 < columns => {
                    counted.links.insert((link.step, name(from), name(to)), link.sessions);
                }
                (Place::Value(from), Place::Dropoff) => {
                    counted.dropoffs.insert((link.step, name(from)), link.sessions);
                }
                _ => {}
            }
        }
        counted
    }

    /// The largest places of each column by themselves, the others as one.
    fn shown(&self, entries: usize, dropoff_nodes: bool) -> (Vec<PathwayNode>, Vec<PathwayLink>) {
        let mut shown: HashMap<At, PathwayKind> = HashMap::new();
        for column in 0..self.columns {
            let of_column = self.values.iter().filter(|((of, _), _)| *of == column);
            let mut ranked: Vec<(&String, u64)> =
                of_column.map(|((_, name), value)| (name, *value)).collect();
            ranked.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
            for (rank, (name, _)) in ranked.into_iter().enumerate() {
                let kind = if rank < entries { PathwayKind::Regular } else { PathwayKind::Other };
                shown.insert((column, name.clone()), kind);
            }
        }
        let node_of = |column: usize, name: &str| match shown.get(&(column, name.to_string())) {
            Some(PathwayKind::Regular) => node_id(column, PathwayKind::Regular, name),
            _ => node_id(column, PathwayKind::Other, ""),
        };
        let mut links: BTreeMap<(usize, String, String), u64> = BTreeMap::new();
        let (mut incoming, mut outgoing): (HashMap<At, u64>, HashMap<At, u64>) = Default::default();
        for ((column, from, to), value) in &self.links {
            *links.entry((*column, node_of(*column, from), node_of(column + 1, to))).or_default() += value;
            *outgoing.entry((*column, from.clone())).or_default() += value;
            *incoming.entry((column + 1, to.clone())).or_default() += value;
        }
        let mut nodes: BTreeMap<(usize, PathwayKind, std::cmp::Reverse<u64>, String), PathwayNode> =
            BTreeMap::new();
        let mut others: BTreeMap<usize, PathwayNode> = BTreeMap::new();
        let mut ended: BTreeMap<usize, PathwayNode> = BTreeMap::new();
        for ((column, name), value) in &self.values {
            let at = (*column, name.clone());
            let own = |of: &HashMap<At, u64>| of.get(&at).copied().unwrap_or(0);
            let (incoming, outgoing, dropoff) = (own(&incoming), own(&outgoing), own(&self.dropoffs));
            if dropoff_nodes && dropoff > 0 && column + 1 < self.columns {
                let node = ended
                    .entry(column + 1)
                    .or_insert_with(|| empty(column + 1, PathwayKind::Dropoff, DROPOFF));
                node.value += dropoff;
                node.incoming += dropoff;
                links.insert((*column, node_of(*column, name), node.id.clone()), {
                    let before = links.get(&(*column, node_of(*column, name), node.id.clone()));
                    before.copied().unwrap_or(0) + dropoff
                });
            }
            if shown.get(&at) == Some(&PathwayKind::Regular) {
                let node = PathwayNode {
                    value: *value,
                    incoming,
                    outgoing,
                    dropoff,
                    ..empty(*column, PathwayKind::Regular, name)
                };
                nodes.insert((*column, PathwayKind::Regular, std::cmp::Reverse(*value), name.clone()), node);
                continue;
            }
            let other = others.entry(*column).or_insert_with(|| empty(*column, PathwayKind::Other, OTHER));
            other.value += value;
            other.incoming += incoming;
            other.outgoing += outgoing;
            other.dropoff += dropoff;
            let id = format!("{}/{name}", other.id);
            other.aggregated.push(AggregatedNode {
                id,
                name: name.clone(),
                value: *value,
                incoming,
                outgoing,
            });
        }
        for (column, mut other) in others {
            other.aggregated.sort_by(|a, b| b.value.cmp(&a.value).then_with(|| a.name.cmp(&b.name)));
            nodes.insert((column, PathwayKind::Other, std::cmp::Reverse(0), String::new()), other);
        }
        for (column, node) in ended {
            nodes.insert((column, PathwayKind::Dropoff, std::cmp::Reverse(0), String::new()), node);
        }
        let link = |((column, source, target), value): ((usize, String, String), u64)| PathwayLink {
            id: format!("{source}>{target}"),
            column,
            source,
            target,
            value,
        };
        (nodes.into_values().collect(), links.into_iter().map(link).collect())
    }
}

/// The same for the same column and name in every answer.
fn node_id(column: usize, kind: PathwayKind, name: &str) -> String {
    match kind {
        PathwayKind::Regular => format!("{column}:{name}"),
        PathwayKind::Other => format!("{column}/other"),
        PathwayKind::Dropoff => format!("{column}/dropoff"),
    }
}

fn empty(column: usize, kind: PathwayKind, name: &str) -> PathwayNode {
    PathwayNode {
        id: node_id(column, kind, name),
        name: name.to_string(),
        column,
        kind,
        value: 0,
        incoming: 0,
        outgoing: 0,
        dropoff: 0,
        aggregated: Vec::new(),
    }
}
