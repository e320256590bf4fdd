//! Nothing that is sent makes the server answer 5xx, say something that is not JSON, or stop.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use reqwest::Method;
use serde_json::json;

use crate::server::{APP_KEY, BASE, TestServer, almost_bought, answer, shoppers};

const BOMB_BYTES: usize = 80 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let resource = |attributes: &str| {
        format!("{{\"data\":{{\"type\":\"segment_preview\",\"attributes\":{attributes}}}}}").into_bytes()
    };
    let nested =
        |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    let not =
        format!("{{\"definition\":{{\"entity\":\"user\",\"where\":{}}}}}", nested("{\"not\":", "}", 100));
    let mut with_nul = almost_bought().to_string();
    with_nul.push('\0');
    vec![
        ("empty", vec![]),
        ("half an object", b"{".to_vec()),
        ("null", b"null".to_vec()),
        ("a list", b"[]".to_vec()),
        ("two values", b"{} {}".to_vec()),
        ("a string", b"\"x\"".to_vec()),
        ("deep lists", nested("[", "]", 200_000).into_bytes()),
        ("deep objects", nested("{\"a\":", "}", 100_000).into_bytes()),
        ("deep definition", resource(&not)),
        ("too large a number", resource("{\"definition\":1e999}")),
        ("too large an integer", resource("{\"definition\":{},\"sample_size\":99999999999999999999999}")),
        ("negative size", resource("{\"definition\":{},\"sample_size\":-1}")),
        ("not UTF-8", b"{\"data\":\"\xff\xfe\"}".to_vec()),
        ("lone surrogate", b"{\"data\":\"\\ud800\"}".to_vec()),
        ("NUL", with_nul.into_bytes()),
        ("data is a list", b"{\"data\":[{\"type\":\"segment\"}]}".to_vec()),
        ("attributes are text", b"{\"data\":{\"type\":\"segment_preview\",\"attributes\":\"x\"}}".to_vec()),
        ("times out of range", resource("{\"from\":9223372036854775807,\"to\":-9223372036854775808,\"query\":{}}")),
        ("a long string", format!("{{\"data\":\"{}\"}}", "x".repeat(2 << 20)).into_bytes()),
        ("newlines", b"\n\n\n\r\n".to_vec()),
        ("odd events", json!({"type": "view", "date": 9.3e18, "view": {"id": {}, "url": ["x"]}, "usr": [], "session": 7}).to_string().into_bytes()),
        ("odd server event", json!({"type": "server", "application": {"id": null}, "event": {"name": {}}, "usr": {"id": true}}).to_string().into_bytes()),
        ("csv without end", b"timestamp,\"usr.id\n1,\"a".to_vec()),
        ("parquet without end", b"PAR1\x15\x04PAR1".to_vec()),
        ("gzip without end", gzip(b"{\"timestamp\":1}")[..12].to_vec()),
    ]
}

fn routes() -> Vec<(Method, String)> {
    let own = |path: &str| format!("{BASE}{path}");
    vec![
        (Method::POST, format!("/api/v2/rum?dd-api-key={APP_KEY}")),
        (Method::POST, format!("/api/v2/rum?dd-api-key={APP_KEY}&dd-evp-encoding=deflate")),
        (Method::POST, format!("/?ddforward=%2Fapi%2Fv2%2Frum%3Fdd-api-key%3D{APP_KEY}")),
        (Method::POST, "/?ddforward=%ff%00%3A%2F%2F".to_string()),
        (Method::POST, "/api/v2/logs".to_string()),
        (Method::POST, "/api/v2/prodlytics".to_string()),
        (Method::POST, own("/events/import")),
        (Method::POST, own("/events/import?map=,,=,a=")),
        (Method::POST, own("/segments/preview")),
        (Method::POST, own("/segments")),
        (Method::PATCH, own("/segments/none")),
        (Method::POST, own("/segments/none/restore")),
        (Method::POST, own("/analytics/scalar")),
        (Method::POST, own("/queries/explain")),
        (Method::POST, own("/keys")),
        (Method::DELETE, own("/keys/%00")),
        (Method::GET, own("/segments?page[limit]=-1")),
        (Method::GET, own("/segments?page[limit]=99999999999999999999")),
        (Method::GET, own("/segments?page[cursor]=%00%ff&filter[q]=%25%27%22")),
        (Method::GET, own("/segments/%ff%fe")),
        (Method::GET, own("/segments/none/members?at=yesterday")),
        (Method::GET, own("/segments/none/members?page[limit]=0&unknown=1")),
        (Method::GET, own("/users/%ff?at=-1")),
        (Method::GET, own("/accounts/anonymous:")),
        (Method::GET, format!("/api/{}", "x".repeat(5_000))),
        (Method::POST, own("/segments/members")),
        (Method::POST, own("/segments/members.csv")),
        (Method::POST, own("/session")),
        (Method::POST, own("/charts")),
        (Method::GET, own("/facets?filter[q]=%00%ff&page[limit]=-1")),
        (Method::GET, own("/facets/values?facet=%00@@")),
    ]
}

#[tokio::test]
async fn no_request_is_too_nasty() {
    let server = TestServer::start().await;
    server.rum(&shoppers()).await;
    let before = server.count("").await;
    for (method, path) in routes() {
        for (name, body) in bodies() {
            for encoding in [None, Some("gzip"), Some("deflate"), Some("zstd"), Some("br"), Some("nonsense")]
            {
                let mut request = server.request(method.clone(), &path).body(body.clone());
                if path.contains("import") {
                    request = request.header("Content-Type", "application/octet-stream");
                }
                if let Some(encoding) = encoding {
                    request = request.header("Content-Encoding", encoding);
                }
                let (status, answer) = answer(request).await;
                assert!(status < 500, "{method} {path}, {name}, {encoding:?}: {status} {answer}");
                assert!(
                    status < 400 || answer["errors"].is_array(),
                    "{method} {path}, {name}: {status} {answer}"
                );
            }
        }
    }
    let (_, health) = server.get("/status").await;
    assert_eq!(health["data"]["attributes"]["since_start"]["panics"], 0);
    assert!(server.count("").await >= before);
}

#[tokio::test]
async fn what_swells_when_unpacked_is_refused() {
    let server = TestServer::start().await;
    let zeros = vec![b'0'; BOMB_BYTES];
    let (in_gzip, in_zlib) = (gzip(&zeros), zlib(&zeros));
    let rum = format!("/api/v2/rum?dd-api-key={APP_KEY}");
    let check = async |path: &str, encoding: Option<&str>, body: &Vec<u8>| {
        let mut request = server.request(Method::POST, path).body(body.clone());
        if let Some(encoding) = encoding {
            request = request.header("Content-Encoding", encoding);
        }
        let (status, answer) = answer(request).await;
        assert_eq!(status, 413, "{path} {encoding:?}: {answer}");
    };
    check(&format!("{rum}&dd-evp-encoding=deflate"), None, &in_zlib).await;
    check(&rum, Some("gzip"), &in_gzip).await;
    check("/api/v2/prodlytics", Some("deflate"), &in_zlib).await;
    check(&format!("{BASE}/segments/preview"), Some("gzip"), &in_gzip).await;
    check(&rum, None, &vec![b'0'; 17 << 20]).await;
}
