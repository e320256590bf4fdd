use reqwest::Method;

use crate::server::{TestServer, answer};

#[test]
fn the_description_of_the_api_changes_on_purpose_only() {
    insta::assert_json_snapshot!(whodid_server::openapi());
}

#[tokio::test]
async fn the_description_is_served() {
    let server = TestServer::start().await;
    let (status, document) = answer(server.bare_request(Method::GET, "/api/openapi.json")).await;
    assert_eq!(status, 200);
    assert_eq!(document, serde_json::to_value(whodid_server::openapi()).unwrap());
}
