use super::*;

#[test]
fn ddforward_names_the_request_that_is_meant() {
    let check = |uri: &str, expected: Option<&str>| {
        let meant = forwarded(&uri.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(meant.as_deref(), expected, "{uri}");
    };
    check(
        "/?ddforward=%2Fapi%2Fv2%2Frum%3Fddsource%3Dbrowser%26dd-api-key%3Dk",
        Some("/api/v2/rum?ddsource=browser&dd-api-key=k"),
    );
    check("/any/proxy?x=1&ddforward=%2Fapi%2Fv2%2Flogs%3Fa%3Db", Some("/api/v2/logs?a=b"));
    check("/?ddforward=https%3A%2F%2Fintake.example%2Fapi%2Fv2%2Frum%3Fa%3Db", Some("/api/v2/rum?a=b"));
    check("/?ddforward=%2Fapi%2Fv2%2Frum%3Fddtags%3Da%20b%7Bc%7D", Some("/api/v2/rum?ddtags=a%20b%7Bc%7D"));
    check("/?ddforward=%2Fapi%2Fv2%2Fproduct-analytics%2Fsegments", None);
    check("/?ddforward=", None);
    check("/api/v2/rum?dd-api-key=k", None);
}
