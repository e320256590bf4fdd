//! What has to be done so that the catalogue holds a list of segments.

use super::{
    AppliedChange, ApplyAction, BTreeMap, BTreeSet, CodedSegment, Definition, InsightError, Referred,
    SegmentChange, Segments, Step, catalogue, rename, to_catalogue,
};

pub(super) struct Plan {
    entries: Vec<AppliedChange>,
    /// In the order in which they can be done: what is referred to comes first.
    steps: Vec<Step>,
    before: Segments,
    after: Segments,
}

/// An entry of the list once its references are ids.
struct Wanted {
    id: String,
    coded: CodedSegment,
    existing: Option<catalogue::Segment>,
}

impl Plan {
    pub(super) fn new(
        (live, before): (Vec<catalogue::Segment>, Segments),
        list: Vec<CodedSegment>,
        prune: bool,
        new_id: impl Fn() -> String,
    ) -> Result<Plan, InsightError> {
        let mut wanted = identify(&live, list, new_id)?;
        let listed: BTreeSet<String> = wanted.iter().map(|one| one.id.clone()).collect();
        let stays =
            |segment: &&catalogue::Segment| !prune || listed.contains(&segment.id) || segment.list.is_some();
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for segment in live.iter().filter(stays) {
            names.insert(fold(&segment.name), segment.id.clone());
        }
        names.extend(wanted.iter().map(|one| (fold(&one.coded.name), one.id.clone())));
        let ids: BTreeSet<String> = names.values().cloned().collect();
        for (place, one) in wanted.iter_mut().enumerate() {
            resolve(place, &mut one.coded.definition, &names, &ids)?;
        }
        let mut after: Segments = before.clone();
        after.retain(|id, _| ids.contains(id));
        let referred = |one: &Wanted| Referred::Definition(one.coded.definition.clone());
        after.extend(wanted.iter().map(|one| (one.id.clone(), referred(one))));
        refuse_other_kinds(&wanted, &after)?;
        let order = order(&wanted, &after)?;
        let mut plan = Plan { entries: Vec::new(), steps: Vec::new(), before, after };
        let mut steps = Vec::new();
        for one in &wanted {
            let (entry, step) = one.planned(&plan.before);
            plan.entries.push(entry);
            steps.push(step);
        }
        plan.steps = order.into_iter().filter_map(|place| steps[place].take()).collect();
        let pruned = live.into_iter().filter(|segment| !ids.contains(&segment.id)).collect();
        plan.prune(pruned);
        Ok(plan)
    }

    pub(super) fn entries(&self) -> &[AppliedChange] {
        &self.entries
    }

    /// All segments as they are.
    pub(super) fn before(&self) -> &Segments {
        &self.before
    }

    /// All segments as they are to be.
    pub(super) fn after(&self) -> &Segments {
        &self.after
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// Deletes segments, what refers to another of them first.
    fn prune(&mut self, mut pruned: Vec<catalogue::Segment>) {
        self.entries.extend(
            pruned.iter().map(|segment| entry(ApplyAction::Delete, segment.id.clone(), segment.name.clone())),
        );
        while !pruned.is_empty() {
            let refers = |segment: &catalogue::Segment, id: &str| {
                let definition = self.before.get(&segment.id);
                definition.is_some_and(|definition| definition.segments().iter().any(|(_, to)| *to == id))
            };
            let is_free = |one: &catalogue::Segment| !pruned.iter().any(|other| refers(other, &one.id));
            let next = pruned.iter().position(is_free).unwrap_or(0);
            let segment = pruned.remove(next);
            self.steps.push(Step::Delete { id: segment.id, version: segment.version });
        }
    }
}

impl Wanted {
    fn planned(&self, before: &Segments) -> (AppliedChange, Option<Step>) {
        let CodedSegment { name, description, tags, definition } = self.coded.clone();
        let (id, definition_text) = (self.id.clone(), to_catalogue(&definition));
        let Some(existing) = &self.existing else {
            let new =
                catalogue::NewSegment { name: name.clone(), description, tags, definition: definition_text };
            let step = Step::Create { id: id.clone(), new };
            return (entry(ApplyAction::Create, id, name), Some(step));
        };
        let mut change = SegmentChange::default();
        let mut changed = Vec::new();
        if name != existing.name {
            changed.push("name");
            change.name = Some(name.clone());
        }
        if description != existing.description {
            changed.push("description");
            change.description = Some(description);
        }
        if tags != existing.tags {
            changed.push("tags");
            change.tags = Some(tags);
        }
        let same = matches!(before.get(&id), Some(Referred::Definition(before)) if *before == definition);
        if !same {
            changed.push("definition");
            change.definition = Some(definition_text);
        }
        if changed.is_empty() {
            return (entry(ApplyAction::Unchanged, id, name), None);
        }
        let entry = AppliedChange { changed, ..entry(ApplyAction::Change, id.clone(), name) };
        (entry, Some(Step::Change { id, change, version: existing.version }))
    }
}

fn entry(action: ApplyAction, id: String, name: String) -> AppliedChange {
    AppliedChange { action, id, name, changed: Vec::new(), before: 0, after: 0, joined: 0, left: 0 }
}

/// Makes a pointer into an entry one into the list.
fn in_place(place: usize, error: InsightError) -> InsightError {
    match error {
        InsightError::Invalid { pointer: Some(pointer), message, hint } => {
            InsightError::Invalid { pointer: Some(format!("/{place}{pointer}")), message, hint }
        }
        other => other,
    }
}

/// Text in which case and surrounding blanks make no difference, as between names of segments.
fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Gives each entry the id of the live segment of its name, or a new one.
fn identify(
    live: &[catalogue::Segment],
    list: Vec<CodedSegment>,
    new_id: impl Fn() -> String,
) -> Result<Vec<Wanted>, InsightError> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut wanted = Vec::new();
    for (place, coded) in list.into_iter().enumerate() {
        let coded = coded.clean().map_err(|error| in_place(place, error))?;
        if let Some(first) = seen.insert(fold(&coded.name), place) {
            let message = format!("the name “{}” is there already, at /{first}", coded.name);
            return Err(invalid(format!("/{place}/name"), message, "name each segment once"));
        }
        let existing = live.iter().find(|segment| fold(&segment.name) == fold(&coded.name)).cloned();
        if existing.as_ref().is_some_and(|segment| segment.list.is_some()) {
            let message =
                format!("“{}” is a static segment: it holds a list and has no definition", coded.name);
            return Err(invalid(format!("/{place}/name"), message, "choose another name, or import into it"));
        }
        let id = existing.as_ref().map_or_else(&new_id, |segment| segment.id.clone());
        wanted.push(Wanted { id, coded, existing });
    }
    Ok(wanted)
}

/// Turns the references of a definition, each a name or an id, into ids.
fn resolve(
    place: usize,
    definition: &mut Definition,
    names: &BTreeMap<String, String>,
    ids: &BTreeSet<String>,
) -> Result<(), InsightError> {
    let found = |text: &str| match ids.contains(text) {
        true => Some(text.to_string()),
        false => names.get(&fold(text)).cloned(),
    };
    for (pointer, text) in definition.segments() {
        if found(text).is_none() {
            let message = format!("there is no segment “{text}”, in the list or beside it");
            let hint = "write the name or the id of a segment that is there, and is not about to be deleted";
            return Err(invalid(format!("/{place}/definition{pointer}"), message, hint));
        }
    }
    rename(&mut definition.condition, &found);
    Ok(())
}

/// No segment may refer to one about another kind of entity: neither a listed one, nor one that is left alone.
fn refuse_other_kinds(wanted: &[Wanted], after: &Segments) -> Result<(), InsightError> {
    for (id, definition) in after {
        for (pointer, to) in definition.segments() {
            let Some(other) = after.get(to).filter(|other| other.entity() != definition.entity()) else {
                continue;
            };
            let place = wanted.iter().position(|one| one.id == *id || one.id == to);
            let pointer = match wanted.iter().position(|one| one.id == *id) {
                Some(place) => format!("/{place}/definition{pointer}"),
                None => format!("/{}/definition/entity", place.unwrap_or_default()),
            };
            let message =
                format!("a segment of {}s would refer to one of {}s", definition.entity(), other.entity());
            return Err(invalid(pointer, message, "refer to segments of one kind of entity"));
        }
    }
    Ok(())
}

/// The places of the list, what is referred to first; `Invalid` for a cycle, with its path.
fn order(wanted: &[Wanted], after: &Segments) -> Result<Vec<usize>, InsightError> {
    let mut walk = Walk { wanted, after, path: Vec::new(), done: BTreeSet::new(), order: Vec::new() };
    for one in wanted {
        walk.visit(&one.id)?;
    }
    Ok(walk.order)
}

struct Walk<'a> {
    wanted: &'a [Wanted],
    after: &'a Segments,
    path: Vec<String>,
    done: BTreeSet<String>,
    order: Vec<usize>,
}

impl Walk<'_> {
    fn visit(&mut self, id: &str) -> Result<(), InsightError> {
        if let Some(begin) = self.path.iter().position(|before| before == id) {
            let names: Vec<String> = self.path[begin..].iter().map(|id| self.name(id)).collect();
            let place = self.wanted.iter().position(|one| self.path[begin..].contains(&one.id));
            let message = format!("segments refer to each other in a circle: {}", names.join(" → "));
            let pointer = format!("/{}/definition", place.unwrap_or_default());
            return Err(invalid(pointer, message, "take one of the references out"));
        }
        let (after, seen) = (self.after, self.done.contains(id));
        let Some(definition) = after.get(id).filter(|_| !seen) else { return Ok(()) };
        self.path.push(id.to_string());
        for (_, to) in definition.segments() {
            self.visit(to)?;
        }
        self.path.pop();
        self.done.insert(id.to_string());
        self.order.extend(self.wanted.iter().position(|one| one.id == id));
        Ok(())
    }

    fn name(&self, id: &str) -> String {
        let listed = self.wanted.iter().find(|one| one.id == id);
        listed.map_or_else(|| id.to_string(), |one| format!("“{}”", one.coded.name))
    }
}

fn invalid(pointer: String, message: String, hint: &str) -> InsightError {
    InsightError::Invalid { pointer: Some(pointer), message, hint: Some(hint.to_string()) }
}
