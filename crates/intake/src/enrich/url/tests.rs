use super::*;

#[test]
fn urls_come_apart() {
    let check = |url: &str, expected: &[(&str, &str)]| {
        let mut attributes = Attributes::new();
        add_view_parts(&mut attributes, url, false);
        let found: Vec<(String, String)> = attributes
            .into_iter()
            .map(|(path, value)| (path.replace("view.url_", ""), value.as_text().into()))
            .collect();
        let expected: Vec<(String, String)> =
            expected.iter().map(|(p, v)| (p.to_string(), v.to_string())).collect();
        assert_eq!(found, expected, "{url}");
    };
    check(
        "https://Shop.Example/product/42?utm_source=news&utm_campaign=spring+sale%21#top",
        &[
            ("host", "shop.example"),
            ("path", "/product/42"),
            ("path_group", "/product/?"),
            ("query.utm_campaign", "spring sale!"),
            ("query.utm_source", "news"),
            ("scheme", "https"),
        ],
    );
    check(
        "http://user:pw@localhost:3000",
        &[("host", "localhost:3000"), ("path", "/"), ("path_group", "/"), ("scheme", "http")],
    );
    check(
        "/cart?a=1&a=2&b&=3",
        &[("path", "/cart"), ("path_group", "/cart"), ("query.a", "1,2"), ("query.b", "")],
    );
    check("/orders/a1b/lines/7/", &[("path", "/orders/a1b/lines/7/"), ("path_group", "/orders/?/lines/?/")]);
    check("CartScreen", &[("path", "CartScreen"), ("path_group", "CartScreen")]);
    check(
        "file:///C:/index.html",
        &[("path", "/C:/index.html"), ("path_group", "/C:/index.html"), ("scheme", "file")],
    );
    check(
        "https://shop.example/?next=https://other.example/x",
        &[
            ("host", "shop.example"),
            ("path", "/"),
            ("path_group", "/"),
            ("query.next", "https://other.example/x"),
            ("scheme", "https"),
        ],
    );
    check("", &[]);
    check("#", &[]);
    check("?%ff=%zz", &[("query.\u{fffd}", "%zz")]);
}

#[test]
fn a_difference_forgets_the_parts_of_the_url_before() {
    let mut attributes = Attributes::new();
    add_view_parts(&mut attributes, "/cart", true);
    assert_eq!(attributes.get(QUERY), Some(&Value::Null));
    assert_eq!(attributes.get(HOST), Some(&Value::Null));
}
