use super::super::{Actor, Change, NewPerson, PersonChange, Role, Scope};
use super::*;

fn ada() -> NewPerson {
    NewPerson {
        email: " Ada@Example.com ".to_string(),
        name: "Ada".to_string(),
        role: Role::Editor,
        password: "correct horse battery".to_string(),
    }
}

#[tokio::test]
async fn a_password_opens_whatever_the_case_of_the_address() {
    let mut bench = Bench::new().await;
    let made = bench.catalogue.create_person(ada()).await.unwrap();
    assert_eq!((made.email.as_str(), made.role.scope()), ("Ada@Example.com", Scope::Write));
    assert_eq!(refused(bench.catalogue.create_person(ada()).await).0, FaultKind::Conflict);
    bench.restart().await;
    let opens = async |email: &str, password: &str| {
        bench.catalogue.log_in(email, password).await.unwrap().map(|person| person.id)
    };
    assert_eq!(opens("ADA@example.com", "correct horse battery").await, Some(made.id.clone()));
    for (email, password) in [
        ("ada@example.com", "correct horse batterY"),
        ("ada@example.com", ""),
        ("bea@example.com", "correct horse battery"),
        ("", ""),
    ] {
        assert_eq!(opens(email, password).await, None, "{email} {password}");
    }
    let noted = bench.catalogue.person(&made.id).await.unwrap();
    assert_eq!(noted.last_login_at, Some(bench.clock.now()));

    let change = PersonChange {
        role: Some(Role::Viewer),
        password: Some("another long one".to_string()),
        ..PersonChange::default()
    };
    let changed = bench.catalogue.change_person(&made.id, change).await.unwrap();
    assert_eq!((changed.role, changed.name.as_str()), (Role::Viewer, "Ada"));
    assert_eq!(opens("ada@example.com", "correct horse battery").await, None);
    assert!(opens("ada@example.com", "another long one").await.is_some());
    bench.catalogue.delete_person(&made.id).await.unwrap();
    assert_eq!(opens("ada@example.com", "another long one").await, None);
    assert_eq!(refused(bench.catalogue.delete_person(&made.id).await).0, FaultKind::NotFound);
}

#[tokio::test]
async fn people_that_cannot_be_meant_are_refused() {
    let bench = Bench::new().await;
    let refused_as = async |new: NewPerson| refused(bench.catalogue.create_person(new).await).0;
    for email in ["", "ada", "@example.com", "ada@", "a da@example.com"] {
        assert_eq!(refused_as(NewPerson { email: email.to_string(), ..ada() }).await, FaultKind::Invalid);
    }
    for password in ["", "short", &"x".repeat(1_001)] {
        assert_eq!(
            refused_as(NewPerson { password: password.to_string(), ..ada() }).await,
            FaultKind::Invalid
        );
    }
}

#[tokio::test]
async fn changes_are_listed_newest_first() {
    let bench = Bench::new().await;
    for n in 0..5 {
        let actor = Actor { kind: "key", id: "k".to_string(), name: "CI".to_string() };
        let (action, path) = ("POST /segments".to_string(), format!("/segments/{n}"));
        bench
            .catalogue
            .note_change(Change { actor, action, path, target: Some(n.to_string()) })
            .await
            .unwrap();
    }
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let page = bench.catalogue.audit(&PageRequest { after, limit: 2 }).await.unwrap();
        seen.extend(page.items.into_iter().filter_map(|entry| entry.target));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["4", "3", "2", "1", "0"]);
}
