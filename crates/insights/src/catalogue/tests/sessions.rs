use super::super::{Holder, NewKey, Scope};
use super::*;

#[tokio::test]
async fn a_session_lasts_as_long_as_its_key_and_no_longer_than_two_weeks() {
    let mut bench = Bench::new().await;
    let (key, _) = bench.catalogue.create_key(NewKey::new("Ada", Scope::Write)).await.unwrap();
    let (session, token) = bench.catalogue.open_session(&Holder::Key(key.id.clone())).await.unwrap();
    assert_eq!((session.name.as_str(), session.scope), ("Ada", Scope::Write));
    let (link, link_token) = bench.catalogue.open_session(&Holder::Link).await.unwrap();
    assert_eq!(link.scope, Scope::Admin);

    bench.restart().await;
    let found = async |token: &str| bench.catalogue.find_session(token).await.unwrap().is_some();
    assert!(found(&token).await && found(&link_token).await && !found("another").await);
    bench.catalogue.close_session(&link_token).await.unwrap();
    assert!(!found(&link_token).await);
    bench.catalogue.revoke_key(&key.id).await.unwrap();
    assert!(!found(&token).await);
    assert!(bench.catalogue.open_session(&Holder::Key(key.id)).await.is_err());

    let (_, token) = bench.catalogue.open_session(&Holder::Link).await.unwrap();
    bench.clock.advance(Span::from_days(14));
    assert!(!found(&token).await);
}
