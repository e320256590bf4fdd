use super::*;

use whodid_model::limits;

#[tokio::test]
async fn a_segment_is_created_found_changed_and_kept_across_restarts() {
    let mut bench = Bench::new().await;
    let mut draft = new("  Almost bought ", definition(EntityKind::User, &[]));
    draft.description = "Cart, but no order".to_string();
    draft.tags = ["shop", " growth ", "shop"].map(str::to_string).to_vec();
    let created = bench.catalogue.create_segment(draft).await.unwrap();
    assert_eq!((created.name.as_str(), created.version), ("Almost bought", 1));
    assert_eq!(created.tags, ["shop", "growth"]);

    bench.clock.advance(Span::from_seconds(5));
    let change = SegmentChange { tags: Some(vec!["b2c".to_string()]), ..rename("Nearly bought") };
    let changed = bench.catalogue.update_segment(&created.id, change, Some(1)).await.unwrap();
    let expected = Segment {
        name: "Nearly bought".to_string(),
        tags: vec!["b2c".to_string()],
        version: 2,
        modified_at: created.created_at.plus(Span::from_seconds(5)),
        ..created.clone()
    };
    assert_eq!(changed, expected);

    bench.restart().await;
    assert_eq!(bench.catalogue.segment(&created.id).await.unwrap(), expected);
    assert_eq!(bench.catalogue.segment_by_name(" NEARLY bought").await.unwrap(), Some(expected));
    assert_eq!(bench.catalogue.segment_by_name("Almost bought").await.unwrap(), None);
    let versions = bench.catalogue.segment_versions(&created.id).await.unwrap();
    let names: Vec<(i64, &str)> = versions.iter().map(|v| (v.version, v.name.as_str())).collect();
    assert_eq!(names, [(1, "Almost bought"), (2, "Nearly bought")]);
}

#[tokio::test]
async fn names_are_unique_among_live_segments() {
    let bench = Bench::new().await;
    let first = bench.create("Straße", &[]).await.unwrap();
    let other = bench.create("Other", &[]).await.unwrap();
    let (kind, message, _) = refused(bench.create("  STRAßE ", &[]).await);
    assert_eq!(kind, FaultKind::Conflict);
    assert_eq!(message, "a segment named “Straße” exists already (case makes no difference)");
    let renamed = bench.catalogue.update_segment(&other.id, rename("straße"), None).await;
    let Err(InsightError::Conflict { users, .. }) = renamed else { panic!("{renamed:?}") };
    assert_eq!(users[0].id, first.id);
    // Its own name in another case is free.
    bench.catalogue.update_segment(&first.id, rename("STRASSE"), None).await.unwrap();
    bench.catalogue.delete_segment(&first.id, false).await.unwrap();
    bench.create("Strasse", &[]).await.unwrap();
    assert_eq!(refused(bench.catalogue.restore_segment(&first.id).await).0, FaultKind::Conflict);
}

#[tokio::test]
async fn input_has_limits_and_errors_point_at_it() {
    let bench = Bench::new().await;
    let check = async |draft: NewSegment, pointer: &str, message: &str| {
        let found = refused(bench.catalogue.create_segment(draft).await);
        assert_eq!(found, (FaultKind::Invalid, message.to_string(), pointer.to_string()));
    };
    let good = || new("Good", definition(EntityKind::User, &[]));
    let tags = |tags: &[&str]| tags.iter().map(|tag| tag.to_string()).collect::<Vec<_>>();
    check(NewSegment { name: " \t".into(), ..good() }, "/name", "the name is empty").await;
    check(NewSegment { name: "a\nb".into(), ..good() }, "/name", "the name holds a control character").await;
    let long = "x".repeat(limits::NAME_CHARS + 1);
    check(NewSegment { name: long, ..good() }, "/name", "the name is longer than 200 characters").await;
    let message = "the tag is empty, too long or holds a control character";
    check(NewSegment { tags: tags(&["a", " "]), ..good() }, "/tags/1", message).await;
    check(NewSegment { tags: tags(&["a\u{7}b"]), ..good() }, "/tags/0", message).await;
    let many: Vec<String> = (0..=limits::TAGS).map(|i| i.to_string()).collect();
    check(NewSegment { tags: many, ..good() }, "/tags", "51 tags are more than the limit of 50").await;
    let long = "x".repeat(limits::DESCRIPTION_BYTES + 1);
    let message = "the description is longer than 16384 bytes";
    check(NewSegment { description: long, ..good() }, "/description", message).await;
    let long = Definition { json: " ".repeat(limits::DEFINITION_BYTES + 1), ..good().definition };
    let message = "the definition is longer than 262144 bytes";
    check(NewSegment { definition: long, ..good() }, "/definition", message).await;
    assert!(bench.found("").await.is_empty());
}

#[tokio::test]
async fn a_stale_version_changes_nothing() {
    let bench = Bench::new().await;
    let segment = bench.create("A", &[]).await.unwrap();
    bench.catalogue.update_segment(&segment.id, rename("B"), Some(1)).await.unwrap();
    for version in [1, 3, 0, -1] {
        let outcome = bench.catalogue.update_segment(&segment.id, rename("C"), Some(version)).await;
        assert!(matches!(outcome, Err(InsightError::Stale { current_version: 2 })), "{outcome:?}");
    }
    assert_eq!(bench.found("").await, ["B"]);
}

#[tokio::test]
async fn lists_are_searched_literally_and_paged() {
    let bench = Bench::new().await;
    for (name, description, tag) in
        [("Cart 100%", "", "Größe"), ("Cart_x", "Über all", "b"), ("cartax", r"back\slash", "c")]
    {
        let mut draft = new(name, definition(EntityKind::User, &[]));
        (draft.description, draft.tags) = (description.to_string(), vec![tag.to_string()]);
        bench.catalogue.create_segment(draft).await.unwrap();
    }
    let check = async |search: &str, names: &[&str]| assert_eq!(bench.found(search).await, names, "{search}");
    check("", &["Cart 100%", "Cart_x", "cartax"]).await;
    check(" CART", &["Cart 100%", "Cart_x", "cartax"]).await;
    check("100%", &["Cart 100%"]).await;
    check("%", &["Cart 100%"]).await;
    check("t_x", &["Cart_x"]).await;
    check("k\\s", &["cartax"]).await;
    check("GRÖSSE", &[]).await;
    check("GRÖ", &["Cart 100%"]).await;
    check("über", &["Cart_x"]).await;
    check("' OR 1=1 --", &[]).await;

    let page = |after, limit| PageRequest { after, limit };
    let first = bench.catalogue.list_segments(None, &page(None, 2)).await.unwrap();
    assert_eq!(first.items.len(), 2);
    let last = bench.catalogue.list_segments(None, &page(first.next.clone(), 2)).await.unwrap();
    assert_eq!((last.items[0].name.as_str(), last.items.len(), last.next), ("cartax", 1, None));
    let whole = bench.catalogue.list_segments(None, &page(None, 3)).await.unwrap();
    assert_eq!(whole.next, None);
    for bad in [page(None, 0), page(None, 10_001), page(Some("x".to_string()), 1)] {
        let kind = refused(bench.catalogue.list_segments(None, &bad).await).0;
        assert_eq!(kind, FaultKind::Invalid, "{bad:?}");
    }
}

#[tokio::test]
async fn references_are_live_acyclic_and_of_one_kind() {
    let bench = Bench::new().await;
    let a = bench.create("A", &[]).await.unwrap();
    let b = bench.create("B", &[&a, &a]).await.unwrap();
    let c = bench.create("C", &[&b]).await.unwrap();
    let account = new("Accounts", definition(EntityKind::Account, &[]));
    let account = bench.catalogue.create_segment(account).await.unwrap();

    let update = |segment: &Segment, change| {
        let (catalogue, id) = (bench.catalogue.clone(), segment.id.clone());
        async move { catalogue.update_segment(&id, change, None).await }
    };
    let user = |references: &[&Segment]| redefine(EntityKind::User, references);
    let check = |outcome, pointer: &str, message: &str| {
        assert_eq!(refused(outcome), (FaultKind::Invalid, message.to_string(), pointer.to_string()));
    };
    let cycle = "the segment would depend on itself:";
    check(update(&a, user(&[&a])).await, "/definition/where/all/0/segment", &format!("{cycle} A → A"));
    check(update(&a, user(&[&b])).await, "/definition/where/all/0/segment", &format!("{cycle} A → B → A"));
    check(
        update(&a, user(&[&c])).await,
        "/definition/where/all/0/segment",
        &format!("{cycle} A → C → B → A"),
    );
    check(
        update(&a, user(&[&account])).await,
        "/definition/where/all/0/segment",
        "segment “A” is about users and can't name “Accounts”, which is about accounts",
    );
    let (kind, message, _) = refused(update(&a, redefine(EntityKind::Account, &[])).await);
    assert_eq!(kind, FaultKind::Conflict);
    assert_eq!(message, "segment “A” is used by “B”; keep its entity kind, or change them first");

    let unknown = SegmentChange {
        definition: Some(definition_of_ids(EntityKind::User, &["nowhere"])),
        ..SegmentChange::default()
    };
    let (kind, message, _) = refused(update(&a, unknown).await);
    assert_eq!(kind, FaultKind::NotFound);
    assert_eq!(message, "segment `nowhere` does not exist, or is deleted");

    let names = |users: Vec<super::super::Dependent>| users.into_iter().map(|u| u.name).collect::<Vec<_>>();
    assert_eq!(names(bench.catalogue.used_in(&a.id).await.unwrap()), ["B"]);
    assert_eq!(names(bench.catalogue.used_in(&c.id).await.unwrap()), Vec::<String>::new());
    // B lets go of A; then A may name C.
    update(&b, user(&[])).await.unwrap();
    update(&a, user(&[&c])).await.unwrap();
    let all = bench.catalogue.used_in_all().await.unwrap();
    assert_eq!(names(all[&c.id].clone()), ["A"]);
    assert_eq!(names(all[&b.id].clone()), ["C"]);
    assert!(!all.contains_key(&a.id));
}

#[tokio::test]
async fn what_is_in_use_is_deleted_only_by_force() {
    let bench = Bench::new().await;
    let a = bench.create("A", &[]).await.unwrap();
    let b = bench.create("B", &[&a]).await.unwrap();
    let c = bench.create("C", &[&a]).await.unwrap();
    let Err(InsightError::Conflict { message, users }) = bench.catalogue.delete_segment(&a.id, false).await
    else {
        panic!("deleted in use")
    };
    assert_eq!(message, "segment “A” is used by “B”, “C”; change them first, or delete with force");
    assert_eq!(users.iter().map(|user| &user.id).collect::<Vec<_>>(), [&b.id, &c.id]);

    bench.catalogue.delete_segment(&a.id, true).await.unwrap();
    assert_eq!(refused(bench.catalogue.delete_segment(&a.id, true).await).0, FaultKind::NotFound);
    assert_eq!(refused(bench.catalogue.segment(&a.id).await).0, FaultKind::NotFound);
    let deleted = bench.catalogue.segment_or_deleted(&a.id).await.unwrap();
    assert_eq!(deleted.deleted_at, Some(bench.clock.now()));
    assert_eq!(refused(bench.create("D", &[&a]).await).0, FaultKind::NotFound);
    assert_eq!(bench.catalogue.used_in(&a.id).await.unwrap().len(), 2, "the users still name it");
    assert_eq!(bench.catalogue.restore_segment(&a.id).await.unwrap(), a);
    assert_eq!(bench.catalogue.segment(&a.id).await.unwrap(), a);
}

#[tokio::test]
async fn a_restore_comes_in_time_and_closes_no_cycle() {
    let bench = Bench::new().await;
    let restore = |segment: &Segment| {
        let (catalogue, id) = (bench.catalogue.clone(), segment.id.clone());
        async move { catalogue.restore_segment(&id).await }
    };
    let late = bench.create("Late", &[]).await.unwrap();
    bench.catalogue.delete_segment(&late.id, false).await.unwrap();
    bench.clock.advance(Span(Span::from_days(30).0 - 1));
    restore(&late).await.unwrap();
    assert_eq!(restore(&late).await.unwrap(), late, "a second time does nothing");
    bench.catalogue.delete_segment(&late.id, false).await.unwrap();
    bench.clock.advance(Span::from_days(30));
    let (kind, message, _) = refused(restore(&late).await);
    assert_eq!(kind, FaultKind::Conflict);
    assert!(message.ends_with("only within 30d can it be restored"), "{message}");

    // A → B → C; B is deleted by force; C can't name A, because B may come back.
    let c = bench.create("C", &[]).await.unwrap();
    let b = bench.create("B", &[&c]).await.unwrap();
    let a = bench.create("A", &[&b]).await.unwrap();
    bench.catalogue.delete_segment(&b.id, true).await.unwrap();
    let outcome = bench.catalogue.update_segment(&c.id, redefine(EntityKind::User, &[&a]), None).await;
    assert_eq!(refused(outcome).1, "the segment would depend on itself: C → A → B (deleted) → C");
    // Nothing live uses C, so it may change kind; B then can't come back.
    let accounts = redefine(EntityKind::Account, &[]);
    bench.catalogue.update_segment(&c.id, accounts, None).await.unwrap();
    assert_eq!(refused(restore(&b).await).0, FaultKind::Invalid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_concurrent_changes_one_wins() {
    let bench = Bench::new().await;
    let creates: Vec<_> = (0..16)
        .map(|i| {
            let catalogue = bench.catalogue.clone();
            let name = if i % 2 == 0 { "Same" } else { "SAME" };
            tokio::spawn(async move {
                catalogue.create_segment(new(name, definition(EntityKind::User, &[]))).await
            })
        })
        .collect();
    let mut winners = Vec::new();
    for create in creates {
        match create.await.unwrap() {
            Ok(segment) => winners.push(segment),
            Err(error) => assert_eq!(error.kind(), FaultKind::Conflict, "{error}"),
        }
    }
    let [winner] = winners.as_slice() else { panic!("{winners:?}") };

    let updates: Vec<_> = (0..16)
        .map(|i| {
            let (catalogue, id) = (bench.catalogue.clone(), winner.id.clone());
            tokio::spawn(async move { catalogue.update_segment(&id, rename(&i.to_string()), Some(1)).await })
        })
        .collect();
    let mut names = Vec::new();
    for update in updates {
        match update.await.unwrap() {
            Ok(segment) => names.push(segment.name),
            Err(error) => assert_eq!(error.kind(), FaultKind::Stale, "{error}"),
        }
    }
    assert_eq!(bench.found("").await, names);
    assert_eq!(names.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_change_holds_nothing_up() {
    let bench = Bench::new().await;
    let segment = bench.create("A", &[]).await.unwrap();
    for i in 0..40 {
        let (catalogue, id) = (bench.catalogue.clone(), segment.id.clone());
        let change =
            tokio::spawn(async move { catalogue.update_segment(&id, rename(&i.to_string()), None).await });
        tokio::time::sleep(std::time::Duration::from_micros(100 * i)).await;
        change.abort();
    }
    let changed = bench.catalogue.update_segment(&segment.id, rename("B"), None).await.unwrap();
    let versions = bench.catalogue.segment_versions(&segment.id).await.unwrap();
    assert_eq!(changed.version as usize, versions.len());
    let creates: Vec<_> = (0..64)
        .map(|i| {
            let catalogue = bench.catalogue.clone();
            let draft = new(&format!("Many {i}"), definition(EntityKind::User, &[]));
            tokio::spawn(async move { catalogue.create_segment(draft).await })
        })
        .collect();
    for create in creates {
        create.await.unwrap().unwrap();
    }
    assert_eq!(bench.found("many").await.len(), 64);
}

#[tokio::test]
async fn a_damaged_file_is_told_from_other_faults() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("catalogue.db"), "not a database, whatever its name says").unwrap();
    let clock: Arc<dyn Clock> = Arc::new(Hand::default());
    let error = Catalogue::open(folder.path(), clock).await.err().expect("opened");
    assert_eq!(error.kind(), FaultKind::Damaged, "{error}");
}
