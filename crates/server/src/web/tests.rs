use rust_embed::Metadata;

use super::*;

fn built(name: &str) -> Option<EmbeddedFile> {
    let data: &[u8] = match name {
        "index.html" => b"<link nonce=\"__CSP_NONCE__\"><script src=\"/assets/app-1a2b.js\"></script>",
        "assets/app-1a2b.js" => b"plain",
        "assets/app-1a2b.js.br" => b"brotli",
        "assets/app-1a2b.js.gz" => b"gzip",
        "favicon.svg" => b"<svg/>",
        _ => return None,
    };
    let hash = [data.len() as u8; 32];
    let metadata = Metadata::__rust_embed_new(hash, None, None, mime(name));
    Some(EmbeddedFile { data: Cow::Borrowed(data), metadata })
}

fn mime(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript",
        Some("svg") => "image/svg+xml",
        Some("html") => "text/html",
        _ => "application/octet-stream",
    }
}

async fn body(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn accepting(encodings: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(encodings))])
}

#[tokio::test]
async fn an_asset_comes_in_the_best_coding_that_is_accepted() {
    let rows = [
        ("", "plain"),
        ("gzip", "gzip"),
        ("gzip, br", "brotli"),
        ("gzip;q=0.5, br;q=0", "gzip"),
        ("*", "brotli"),
        ("identity", "plain"),
    ];
    for (encodings, expected) in rows {
        let response = answer("assets/app-1a2b.js", &accepting(encodings), built).unwrap();
        let headers = response.headers().clone();
        assert_eq!(headers[CONTENT_TYPE], "text/javascript", "{encodings}");
        assert_eq!(headers[CACHE_CONTROL], FOR_EVER);
        assert_eq!(headers[VARY], "accept-encoding");
        assert_eq!(body(response).await, expected, "{encodings}");
        let again = HeaderMap::from_iter([
            (ACCEPT_ENCODING, HeaderValue::from_static(encodings)),
            (IF_NONE_MATCH, headers[ETAG].clone()),
        ]);
        let response = answer("assets/app-1a2b.js", &again, built).unwrap();
        assert_eq!((response.status(), body(response).await.as_str()), (StatusCode::NOT_MODIFIED, ""));
    }
}

#[tokio::test]
async fn every_place_in_the_app_is_the_page_and_no_missing_file_is() {
    for place in ["", "index.html", "segments", "users/ada@example.com", "segments/1/history", "a b/ü"] {
        let response = answer(place, &HeaderMap::new(), built).unwrap();
        let headers = response.headers().clone();
        assert_eq!(headers[CACHE_CONTROL], ASK_AGAIN, "{place}");
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap().to_string();
        let html = body(response).await;
        let nonce = html.split('"').nth(1).unwrap();
        assert!(
            nonce.len() == 32 && policy.contains(&format!("style-src 'self' 'nonce-{nonce}';")),
            "{policy}"
        );
    }
    for missing in ["assets/app-0000.js", "assets/", "robots.txt", "favicon.ico"] {
        assert!(answer(missing, &HeaderMap::new(), built).is_none(), "{missing}");
    }
    let icon = answer("favicon.svg", &HeaderMap::new(), built).unwrap();
    assert_eq!(icon.headers()[CACHE_CONTROL], ASK_AGAIN);
}

#[tokio::test]
async fn a_binary_without_the_app_says_how_to_get_it() {
    let response = answer("segments", &HeaderMap::new(), |_| None).unwrap();
    assert!(body(response).await.contains("npm run build"));
}
