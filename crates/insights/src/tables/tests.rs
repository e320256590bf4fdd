use super::*;

#[test]
fn names_are_written_alike() {
    let check = |text: &str, expected: Option<&str>| {
        assert_eq!(normalized_name(text).ok().as_deref(), expected, "{text}");
    };
    check("  Customer Tier ", Some("customer_tier"));
    check("1st_place", Some("st_place"));
    check("__a-b.c", Some("a_b_c"));
    check("Größe", Some("gr__e"));
    check("123", None);
    check("", None);
    check(&"a".repeat(56), Some(&"a".repeat(56)));
    check(&"a".repeat(57), None);
}

#[test]
fn equal_headers_are_numbered() {
    let headers = ["ID", "Name", "name ", "Tier"].map(String::from);
    assert_eq!(normalized_headers(&headers).unwrap(), ["id", "name1", "name2", "tier"]);
    let long = "a".repeat(56);
    assert!(normalized_headers(&[long.clone(), long]).is_err());
}
