use super::super::{Key, NewKey, Scope};
use super::*;

#[tokio::test]
async fn a_secret_opens_until_it_is_revoked_or_expires() {
    let mut bench = Bench::new().await;
    let start = bench.clock.now();
    let (key, secret) = bench.catalogue.create_key(NewKey::new(" CI ", Scope::Ingest)).await.unwrap();
    assert_eq!((key.name.as_str(), key.scope, key.created_at), ("CI", Scope::Ingest, start));
    let (prefix, digits) = secret.split_at(4);
    assert_eq!(prefix, "wdi_");
    assert!(digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{secret}");
    assert_eq!(key.prefix, secret[..8]);
    let deadline = start.plus(Span::from_days(1));
    let brief = NewKey { expires_at: Some(deadline), ..NewKey::new("Brief", Scope::Admin) };
    let (_, brief) = bench.catalogue.create_key(brief).await.unwrap();

    bench.restart().await;
    let opens = async |secret: &str| bench.catalogue.find_key(secret).await.unwrap().map(|key| key.name);
    assert_eq!(opens(&secret).await.as_deref(), Some("CI"));
    assert_eq!(opens(&brief).await.as_deref(), Some("Brief"));
    for wrong in ["", "wdi_", &secret[..35], &format!("{secret}0"), &secret.to_uppercase(), "ü"] {
        assert_eq!(opens(wrong).await, None, "{wrong}");
    }
    bench.clock.advance(Span::from_days(1));
    assert_eq!(opens(&brief).await, None);
    let revoked = bench.catalogue.revoke_key(&key.id).await.unwrap();
    assert_eq!(revoked.revoked_at, Some(bench.clock.now()));
    assert_eq!(opens(&secret).await, None);
    bench.clock.advance(Span::from_days(1));
    assert_eq!(bench.catalogue.revoke_key(&key.id).await.unwrap(), revoked, "a second time does nothing");
    assert_eq!(refused(bench.catalogue.revoke_key("nowhere").await).0, FaultKind::NotFound);

    let listed = bench.catalogue.list_keys(&PageRequest::FIRST).await.unwrap();
    assert_eq!(listed.items.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["CI", "Brief"]);
    assert_eq!(listed.items[0], revoked);
}

#[tokio::test]
async fn secrets_are_nowhere_on_disk() {
    let bench = Bench::new().await;
    let (_, secret) = bench.catalogue.create_key(NewKey::new("Hidden", Scope::Read)).await.unwrap();
    bench.catalogue.find_key(&secret).await.unwrap();
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(bench.folder.path()).unwrap() {
        bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("Hidden") && holds(&secret[..8]));
    assert!(!holds(&secret[..12]));
}

#[tokio::test]
async fn fixed_secrets_can_be_given_once() {
    let bench = Bench::new().await;
    let give = async |secret: &str| {
        let new = NewKey { secret: Some(secret.to_string()), ..NewKey::new("Demo", Scope::Write) };
        bench.catalogue.create_key(new).await.map(|(key, _)| key.prefix)
    };
    assert_eq!(give("demo-key").await.unwrap(), "de");
    assert_eq!(give("demo-app-key").await.unwrap(), "demo");
    assert_eq!(refused(give("demo-key").await).0, FaultKind::Conflict);
    for bad in ["", "two words", "ümlaut", "a\nb", &"x".repeat(257)] {
        assert_eq!(refused(give(bad).await).0, FaultKind::Invalid, "{bad}");
    }
    let found = bench.catalogue.find_key("demo-app-key").await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.scope), ("Demo", Scope::Write));
}

#[tokio::test]
async fn use_is_noted_once_a_minute() {
    let bench = Bench::new().await;
    let (key, secret) = bench.catalogue.create_key(NewKey::new("Busy", Scope::Read)).await.unwrap();
    assert_eq!(key.last_used_at, None);
    let start = bench.clock.now();
    for (wait_seconds, noted_seconds) in [(0, 0), (59, 0), (1, 60), (30, 60), (40, 130)] {
        bench.clock.advance(Span::from_seconds(wait_seconds));
        let found = bench.catalogue.find_key(&secret).await.unwrap().unwrap();
        let noted = Some(start.plus(Span::from_seconds(noted_seconds)));
        assert_eq!(found.last_used_at, noted);
        let listed = bench.catalogue.list_keys(&PageRequest::FIRST).await.unwrap();
        assert_eq!(listed.items, [found]);
    }
}

#[test]
fn scopes_allow_what_they_say() {
    let check = |scope: Scope, allowed: &[Scope]| {
        let found: Vec<Scope> = Scope::ALL.into_iter().filter(|needed| scope.allows(*needed)).collect();
        assert_eq!(found, allowed, "{scope}");
    };
    check(Scope::Ingest, &[Scope::Ingest]);
    check(Scope::Read, &[Scope::Read]);
    check(Scope::Write, &[Scope::Read, Scope::Write]);
    check(Scope::Admin, &Scope::ALL);
}

#[tokio::test]
async fn a_rotated_key_goes_on_for_the_overlap() {
    let bench = Bench::new().await;
    let new = NewKey {
        application_id: Some("shop".to_string()),
        origins: vec!["https://shop.example".to_string()],
        requests_per_minute: Some(60),
        ..NewKey::new("Shop", Scope::Ingest)
    };
    let (old, old_secret) = bench.catalogue.create_key(new).await.unwrap();
    let (made, secret) = bench.catalogue.rotate_key(&old.id, Span::from_days(7)).await.unwrap();
    assert_eq!(made.rotated_from.as_ref(), Some(&old.id));
    let same = |key: &Key| (key.name.clone(), key.scope, key.application_id.clone(), key.origins.clone());
    assert_eq!(same(&made), same(&old));
    let opens = async |secret: &str| bench.catalogue.find_key(secret).await.unwrap().is_some();
    assert!(opens(&old_secret).await && opens(&secret).await);
    bench.clock.advance(Span::from_days(7));
    assert!(!opens(&old_secret).await && opens(&secret).await);
    assert_eq!(refused(bench.catalogue.rotate_key(&old.id, Span(0)).await).0, FaultKind::Conflict);
}

#[tokio::test]
async fn origins_are_what_browsers_send() {
    let bench = Bench::new().await;
    let create = async |origin: &str| {
        let origins = vec![origin.to_string()];
        bench.catalogue.create_key(NewKey { origins, ..NewKey::new("K", Scope::Ingest) }).await
    };
    for good in ["https://shop.example", "http://localhost:3000", "https://[::1]:8443"] {
        assert!(create(good).await.is_ok(), "{good}");
    }
    for bad in ["shop.example", "https://", "https://shop.example/", "https://*.example", "://x", ""] {
        assert_eq!(refused(create(bad).await).0, FaultKind::Invalid, "{bad}");
    }
}
