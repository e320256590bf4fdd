//! Random operations, each compared in its outcome and in everything that can be seen afterwards with a model that
//! keeps segments in a list and looks at all of them for every rule.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Operation {
    Create { name: usize, entity: EntityKind, references: Vec<usize> },
    Rename { target: usize, name: usize, version_offset: Option<i64> },
    Redefine { target: usize, entity: EntityKind, references: Vec<usize> },
    Delete { target: usize, force: bool },
    Restore { target: usize },
    Wait { days: i64 },
    Restart,
}

const NAMES: [&str; 6] = ["Alpha", "ALPHA", " alpha ", "Beta", "Gamma", "Delta"];

fn operation() -> impl Strategy<Value = Operation> {
    let target = 0..8_usize;
    let name = 0..NAMES.len();
    let entity = || prop_oneof![8 => Just(EntityKind::User), 1 => Just(EntityKind::Account)];
    let references = || vec(0..8_usize, 0..3);
    prop_oneof![
        6 => (name.clone(), entity(), references())
            .prop_map(|(name, entity, references)| Operation::Create { name, entity, references }),
        3 => (target.clone(), name, option::of(-1..=1_i64))
            .prop_map(|(target, name, version_offset)| Operation::Rename { target, name, version_offset }),
        6 => (target.clone(), entity(), references())
            .prop_map(|(target, entity, references)| Operation::Redefine { target, entity, references }),
        3 => (target.clone(), any::<bool>()).prop_map(|(target, force)| Operation::Delete { target, force }),
        3 => target.prop_map(|target| Operation::Restore { target }),
        1 => (1..31_i64).prop_map(|days| Operation::Wait { days }),
        1 => Just(Operation::Restart),
    ]
}

#[derive(Clone)]
struct Kept {
    segment: Segment,
    references: Vec<usize>,
    versions: usize,
}

/// Every segment ever made, by its place in the order of creation.
#[derive(Default)]
struct Model {
    kept: Vec<Kept>,
}

impl Model {
    fn is_live(&self, at: usize) -> bool {
        self.kept.get(at).is_some_and(|kept| kept.segment.deleted_at.is_none())
    }

    fn users(&self, of: usize) -> Vec<usize> {
        let names_it = |at: &usize| self.is_live(*at) && self.kept[*at].references.contains(&of);
        (0..self.kept.len()).filter(names_it).collect()
    }

    fn name_is_free(&self, name: &str, owner: usize) -> bool {
        let same = |at: usize| {
            self.is_live(at) && self.kept[at].segment.name.eq_ignore_ascii_case(name.trim()) && at != owner
        };
        !(0..self.kept.len()).any(same)
    }

    fn reaches(&self, from: usize, to: usize) -> bool {
        from == to || self.kept[from].references.iter().any(|next| self.reaches(*next, to))
    }

    /// Why `owner` can't name these, if it can't.
    fn refuse_references(&self, owner: usize, entity: EntityKind, references: &[usize]) -> Option<FaultKind> {
        for &at in references {
            if !self.is_live(at) {
                return Some(FaultKind::NotFound);
            }
            if self.kept[at].segment.entity != entity {
                return Some(FaultKind::Invalid);
            }
        }
        references.iter().any(|at| self.reaches(*at, owner)).then_some(FaultKind::Invalid)
    }
}

/// The catalogue and its model, taking the same steps.
struct Pair {
    bench: Bench,
    model: Model,
}

impl Pair {
    fn id(&self, at: usize) -> String {
        self.model.kept.get(at).map_or("nowhere".to_string(), |kept| kept.segment.id.clone())
    }

    fn definition(&self, entity: EntityKind, references: &[usize]) -> Definition {
        let ids: Vec<String> = references.iter().map(|at| self.id(*at)).collect();
        definition_of_ids(entity, &ids.iter().map(String::as_str).collect::<Vec<_>>())
    }

    async fn step(&mut self, operation: &Operation) {
        match operation {
            Operation::Create { name, entity, references } => {
                self.create(NAMES[*name], *entity, references).await
            }
            Operation::Rename { target, name, version_offset } => {
                self.rename(*target, NAMES[*name], *version_offset).await;
            }
            Operation::Redefine { target, entity, references } => {
                self.redefine(*target, *entity, references).await;
            }
            Operation::Delete { target, force } => self.delete(*target, *force).await,
            Operation::Restore { target } => self.restore(*target).await,
            Operation::Wait { days } => self.bench.clock.advance(Span::from_days(*days)),
            Operation::Restart => self.bench.restart().await,
        }
    }

    async fn create(&mut self, name: &str, entity: EntityKind, references: &[usize]) {
        let definition = self.definition(entity, references);
        let outcome = self.bench.catalogue.create_segment(new(name, definition.clone())).await;
        let owner = self.model.kept.len();
        let expected = self
            .model
            .refuse_references(owner, entity, references)
            .or((!self.model.name_is_free(name, owner)).then_some(FaultKind::Conflict));
        assert_eq!(outcome.as_ref().err().map(InsightError::kind), expected);
        let Ok(segment) = outcome else { return };
        assert_eq!((segment.name.as_str(), segment.version), (name.trim(), 1));
        assert_eq!((segment.entity, &segment.definition), (entity, &definition.json));
        self.model.kept.push(Kept { segment, references: references.to_vec(), versions: 1 });
    }

    async fn rename(&mut self, target: usize, name: &str, version_offset: Option<i64>) {
        let version = self.model.kept.get(target).map_or(1, |kept| kept.segment.version);
        let expected_version = version_offset.map(|offset| version + offset);
        let id = self.id(target);
        let outcome = self.bench.catalogue.update_segment(&id, rename(name), expected_version).await;
        let expected = if !self.model.is_live(target) {
            Some(FaultKind::NotFound)
        } else if version_offset.is_some_and(|offset| offset != 0) {
            Some(FaultKind::Stale)
        } else {
            (!self.model.name_is_free(name, target)).then_some(FaultKind::Conflict)
        };
        assert_eq!(outcome.as_ref().err().map(InsightError::kind), expected);
        let Ok(segment) = outcome else { return };
        self.model.kept[target].segment.name = name.trim().to_string();
        self.accept_version(target, segment);
    }

    async fn redefine(&mut self, target: usize, entity: EntityKind, references: &[usize]) {
        let definition = self.definition(entity, references);
        let change = SegmentChange { definition: Some(definition.clone()), ..SegmentChange::default() };
        let outcome = self.bench.catalogue.update_segment(&self.id(target), change, None).await;
        let expected = if !self.model.is_live(target) {
            Some(FaultKind::NotFound)
        } else {
            let changes_kind = self.model.kept[target].segment.entity != entity;
            let breaks_users = changes_kind && !self.model.users(target).is_empty();
            self.model
                .refuse_references(target, entity, references)
                .or(breaks_users.then_some(FaultKind::Conflict))
        };
        assert_eq!(outcome.as_ref().err().map(InsightError::kind), expected);
        let Ok(segment) = outcome else { return };
        let kept = &mut self.model.kept[target];
        kept.references = references.to_vec();
        (kept.segment.entity, kept.segment.definition) = (entity, definition.json);
        self.accept_version(target, segment);
    }

    fn accept_version(&mut self, target: usize, segment: Segment) {
        let kept = &mut self.model.kept[target];
        kept.versions += 1;
        kept.segment.version += 1;
        kept.segment.modified_at = self.bench.clock.now();
        assert_eq!(segment, kept.segment);
    }

    async fn delete(&mut self, target: usize, force: bool) {
        let outcome = self.bench.catalogue.delete_segment(&self.id(target), force).await;
        let users: Vec<String> = self.model.users(target).into_iter().map(|at| self.id(at)).collect();
        let expected = if !self.model.is_live(target) {
            Some(FaultKind::NotFound)
        } else {
            (!force && !users.is_empty()).then_some(FaultKind::Conflict)
        };
        assert_eq!(outcome.as_ref().err().map(InsightError::kind), expected);
        if outcome.is_ok() {
            self.model.kept[target].segment.deleted_at = Some(self.bench.clock.now());
        }
    }

    async fn restore(&mut self, target: usize) {
        let outcome = self.bench.catalogue.restore_segment(&self.id(target)).await;
        let expected = self.refuse_restore(target);
        assert_eq!(outcome.as_ref().err().map(InsightError::kind), expected);
        let Ok(segment) = outcome else { return };
        self.model.kept[target].segment.deleted_at = None;
        assert_eq!(segment, self.model.kept[target].segment);
    }

    fn refuse_restore(&self, target: usize) -> Option<FaultKind> {
        let Some(kept) = self.model.kept.get(target) else { return Some(FaultKind::NotFound) };
        let deleted_at = kept.segment.deleted_at?;
        let entity = kept.segment.entity;
        if self.bench.clock.now() >= deleted_at.plus(Span::from_days(30)) {
            return Some(FaultKind::Conflict);
        }
        if kept.references.iter().any(|at| self.model.kept[*at].segment.entity != entity) {
            return Some(FaultKind::Invalid);
        }
        (!self.model.name_is_free(&kept.segment.name, target)).then_some(FaultKind::Conflict)
    }

    async fn compare(&self) {
        let catalogue = &self.bench.catalogue;
        let mut live = Vec::new();
        for (at, kept) in self.model.kept.iter().enumerate() {
            let id = &kept.segment.id;
            assert_eq!(catalogue.segment_or_deleted(id).await.unwrap(), kept.segment);
            assert_eq!(catalogue.segment_versions(id).await.unwrap().len(), kept.versions);
            let mut users: Vec<String> =
                catalogue.used_in(id).await.unwrap().into_iter().map(|user| user.id).collect();
            let mut expected: Vec<String> = self.model.users(at).into_iter().map(|at| self.id(at)).collect();
            users.sort();
            expected.sort();
            assert_eq!(users, expected);
            if kept.segment.deleted_at.is_none() {
                assert_eq!(catalogue.segment_by_name(&kept.segment.name).await.unwrap().unwrap().id, *id);
                live.push(kept.segment.clone());
            }
        }
        let mut listed = Vec::new();
        let mut page = PageRequest { after: None, limit: 2 };
        loop {
            let part = catalogue.list_segments(None, &page).await.unwrap();
            listed.extend(part.items);
            page.after = part.next;
            if page.after.is_none() {
                break;
            }
        }
        // A restart within one millisecond of the clock may hand out ids in another order.
        live.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(listed, live);
    }
}

/// One in eight of the usual number of cases: each case is many steps and a database of its own.
fn cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: (usual.cases / 8).max(1), ..usual }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_catalogue_is_its_model(operations in vec(operation(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair { bench: Bench::new().await, model: Model::default() };
            for operation in &operations {
                pair.step(operation).await;
                pair.compare().await;
            }
        });
    }
}
