//! Pathways: which way sessions went, as a graph of steps that loses no session.
//!
//! Every path is added to a tree, in which paths that begin alike share their beginning. The graph is read off the
//! tree once all paths are known, because the values that stand out at a step depend on all of them.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

/// Where paths are cut. Both look for a value that the caller's test accepts.
pub enum Cut<'a> {
    None,
    /// Paths begin at the first such value; those without it are left out.
    StartingAt(&'a dyn Fn(u32) -> bool),
    /// Paths are read backwards from the last such value: step 0 is that value, step 1 what came before it.
    EndingAt(&'a dyn Fn(u32) -> bool),
}

/// Brings the values of one session (codes that sort as the values do, in order of time) into `path`: cut, with no value
/// more than once, and at most `steps` long. False where that leaves nothing.
///
/// The cut comes first, so that a path that starts at a value goes on to values that were seen before it.
pub fn collapse(values: &[u32], cut: &Cut<'_>, steps: usize, path: &mut Vec<u32>) -> bool {
    path.clear();
    let (kept, backwards) = match cut {
        Cut::None => (values, false),
        Cut::StartingAt(accepts) => match values.iter().position(|value| accepts(*value)) {
            Some(first) => (&values[first..], false),
            None => return false,
        },
        Cut::EndingAt(accepts) => match values.iter().rposition(|value| accepts(*value)) {
            Some(last) => (&values[..=last], true),
            None => return false,
        },
    };
    for at in 0..kept.len() {
        let value = if backwards { kept[kept.len() - 1 - at] } else { kept[at] };
        if path.len() == steps {
            break;
        }
        if !path.contains(&value) {
            path.push(value);
        }
    }
    !path.is_empty()
}

/// A place in the graph, at one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    Value(u32),
    /// All values of the step that do not stand out.
    Other,
    /// The sessions that ended at the step before. Nothing follows.
    Dropoff,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathGraph {
    /// Per step its places and how many sessions are at each: values by descending weight (equal ones: the smaller value
    /// first), then `Other`, then `Dropoff`, where there are any. Step 0 has no `Dropoff`.
    pub steps: Vec<Vec<(Place, u64)>>,
    /// From each step to the next, sorted. Per place the links in, and except at the last step the links out, weigh as
    /// much as the place.
    pub links: Vec<PathLink>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathLink {
    /// The step of `from`; `to` is one further.
    pub step: usize,
    pub from: Place,
    pub to: Place,
    pub sessions: u64,
}

/// A node of a tree of paths. Nodes are numbered from 1 in the order in which they stand, parents before their children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathNode {
    /// 0 is the root.
    pub parent: u32,
    pub value: u32,
    pub sessions: u64,
}

/// Paths, added up.
#[derive(Clone, Debug, Default)]
pub struct PathTree {
    /// From a node (0 is the root) and a value to the node it leads to.
    children: FxHashMap<(u32, u32), u32>,
    /// Sessions that came through each node but the root, which stands before the list.
    sessions: Vec<u64>,
}

impl PathTree {
    /// Adds `sessions` that took this path.
    pub fn add(&mut self, path: &[u32], sessions: u64) {
        let mut node = 0;
        for value in path {
            node = self.child(node, *value);
            self.sessions[node as usize - 1] += sessions;
        }
    }

    /// Adds all paths of another tree.
    pub fn merge(&mut self, other: &PathTree) {
        self.merge_nodes(&other.nodes());
    }

    /// Adds the paths of a tree as [`PathTree::nodes`] lists it. A node whose parent does not stand before it is left out
    /// with all below it.
    pub fn merge_nodes(&mut self, nodes: &[PathNode]) {
        let mut here = vec![Some(0)];
        for node in nodes {
            let parent = here.get(node.parent as usize).copied().flatten();
            let child = parent.map(|parent| self.child(parent, node.value));
            if let Some(child) = child {
                self.sessions[child as usize - 1] += node.sessions;
            }
            here.push(child);
        }
    }

    /// All nodes but the root.
    pub fn nodes(&self) -> Vec<PathNode> {
        let node = |(parent, value, node): (u32, u32, u32)| PathNode {
            parent,
            value,
            sessions: self.sessions[node as usize - 1],
        };
        self.edges().into_iter().map(node).collect()
    }

    fn child(&mut self, node: u32, value: u32) -> u32 {
        let next = self.sessions.len() as u32 + 1;
        let child = *self.children.entry((node, value)).or_insert(next);
        if child == next {
            self.sessions.push(0);
        }
        child
    }

    /// Parent, value and child, in order of the children.
    fn edges(&self) -> Vec<(u32, u32, u32)> {
        let mut edges: Vec<_> =
            self.children.iter().map(|((parent, value), child)| (*parent, *value, *child)).collect();
        edges.sort_unstable_by_key(|(_, _, child)| *child);
        edges
    }

    /// The graph of the first `steps` steps with the `top` heaviest values of each by name.
    pub fn graph(&self, steps: usize, top: usize) -> PathGraph {
        let edges = self.edges();
        let mut depths = vec![0; self.sessions.len() + 1];
        for (parent, _, child) in &edges {
            depths[*child as usize] = depths[*parent as usize] + 1;
        }
        let step_of = |node: u32| depths[node as usize] - 1;
        let named = self.named(&edges, step_of, steps, top);
        let place = |step: usize, value: u32| {
            let is_named = named.get(step).is_some_and(|named| named.contains_key(&value));
            if is_named { Place::Value(value) } else { Place::Other }
        };

        let mut places = vec![Place::Other; self.sessions.len() + 1];
        // What came to each node and has not gone on to another.
        let mut ending = vec![0; self.sessions.len() + 1];
        let mut weights: BTreeMap<(usize, Place), u64> = BTreeMap::new();
        let mut links: BTreeMap<(usize, Place, Place), u64> = BTreeMap::new();
        for (parent, value, node) in edges.iter().filter(|(_, _, node)| step_of(*node) < steps) {
            let (step, sessions) = (step_of(*node), self.sessions[*node as usize - 1]);
            let here = place(step, *value);
            places[*node as usize] = here;
            ending[*node as usize] = sessions;
            *weights.entry((step, here)).or_default() += sessions;
            if step > 0 {
                ending[*parent as usize] -= sessions;
                *links.entry((step - 1, places[*parent as usize], here)).or_default() += sessions;
            }
        }
        for (_, _, node) in edges.iter().filter(|(_, _, node)| step_of(*node) + 1 < steps) {
            let (step, left) = (step_of(*node), ending[*node as usize]);
            if left > 0 {
                *links.entry((step, places[*node as usize], Place::Dropoff)).or_default() += left;
                *weights.entry((step + 1, Place::Dropoff)).or_default() += left;
            }
        }
        let links =
            links.into_iter().map(|((step, from, to), sessions)| PathLink { step, from, to, sessions });
        PathGraph { steps: by_weight(weights), links: links.collect() }
    }

    /// Per step the values that stand out.
    fn named(
        &self,
        edges: &[(u32, u32, u32)],
        step_of: impl Fn(u32) -> usize,
        steps: usize,
        top: usize,
    ) -> Vec<FxHashMap<u32, u64>> {
        let mut weights: Vec<FxHashMap<u32, u64>> = Vec::new();
        for (_, value, node) in edges.iter().filter(|(_, _, node)| step_of(*node) < steps) {
            let step = step_of(*node);
            if weights.len() <= step {
                weights.resize(step + 1, FxHashMap::default());
            }
            *weights[step].entry(*value).or_default() += self.sessions[*node as usize - 1];
        }
        let heaviest = |weights: FxHashMap<u32, u64>| {
            let mut weights: Vec<(u32, u64)> = weights.into_iter().collect();
            weights.sort_unstable_by_key(|(value, weight)| (std::cmp::Reverse(*weight), *value));
            weights.truncate(top);
            weights.into_iter().collect()
        };
        weights.into_iter().map(heaviest).collect()
    }
}

fn by_weight(weights: BTreeMap<(usize, Place), u64>) -> Vec<Vec<(Place, u64)>> {
    let mut steps: Vec<Vec<(Place, u64)>> = Vec::new();
    for ((step, place), weight) in weights {
        if steps.len() <= step {
            steps.resize(step + 1, Vec::new());
        }
        steps[step].push((place, weight));
    }
    for places in &mut steps {
        places.sort_by_key(|(place, weight)| match place {
            Place::Value(value) => (0, std::cmp::Reverse(*weight), *value),
            Place::Other => (1, std::cmp::Reverse(0), 0),
            Place::Dropoff => (2, std::cmp::Reverse(0), 0),
        });
    }
    steps
}
