use proptest::prelude::*;
use whodid_model::{FaultKind, Instant, Value, limits};

use super::test::Piece;
use super::*;
use crate::op::Op;

fn query(text: &str) -> Query {
    parse(text, Dialect::Event).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The normalised text, and that it reads back as the same expression.
fn normalised(text: &str, dialect: Dialect) -> String {
    let query = parse(text, dialect).unwrap_or_else(|error| panic!("{text}: {error}"));
    let printed = query.to_string();
    assert_eq!(parse(&printed, dialect).as_ref(), Ok(&query), "{text} printed as {printed}");
    printed
}

#[test]
fn every_construct_reads() {
    let rows = [
        ("", "*"),
        ("  ", "*"),
        ("*", "*"),
        ("*:*", "*"),
        ("@type:view", "@type:view"),
        ("@a:1 @b:2", "@a:1 AND @b:2"),
        ("@a:1 AND @b:2 OR @c:3", "(@a:1 AND @b:2) OR @c:3"),
        ("@a:1 (@b:2 OR @c:3)", "@a:1 AND (@b:2 OR @c:3)"),
        ("(@a:1)(@b:2)", "@a:1 AND @b:2"),
        ("((@a:1 @b:2) @c:3)", "@a:1 AND @b:2 AND @c:3"),
        ("NOT @a:1", "-@a:1"),
        ("-@a:1", "-@a:1"),
        ("NOT (@a:1 OR @b:2)", "-(@a:1 OR @b:2)"),
        ("-(@a:1 @b:2)", "-(@a:1 AND @b:2)"),
        ("NOT @a:1 @b:2", "-@a:1 AND @b:2"),
        ("NOT NOT @a:1", "--@a:1"),
        ("NOT(@a:1)", "-@a:1"),
        ("@a:1 AND -@b:2 OR NOT @c:3", "(@a:1 AND -@b:2) OR -@c:3"),
        ("service:web env:prod", "service:web AND env:prod"),
        ("@service:web team:x", "service:web AND @team:x"),
        ("@a:(x OR y)", "@a:x OR @a:y"),
        ("@a:(x y)", "@a:x AND @a:y"),
        ("@a:(x OR NOT y OR -z)", "@a:x OR -@a:y OR -@a:z"),
        ("@n:(>5 AND <=10)", "@n:>5 AND @n:<=10"),
        ("@n:([1 TO 3] OR 7)", "@n:[1 TO 3] OR @n:7"),
        ("-@a:(x OR y)", "-(@a:x OR @a:y)"),
        ("@a IN (x, y,\"z z\")", "@a:x OR @a:y OR @a:\"z z\""),
        ("@a NOT IN (x,y)", "-(@a:x OR @a:y)"),
        ("@a IN (-5) @b:1", "@a:-5 AND @b:1"),
        ("@a:*", "@a:*"),
        ("-@a:*", "-@a:*"),
        ("@a:**", "@a:*"),
        ("@a:\"two words\"", "@a:\"two words\""),
        ("@a:two\\ words", "@a:\"two words\""),
        ("@a:\"a*b\"", "@a:a\\*b"),
        ("@a:\"\"", "@a:\"\""),
        ("@a\\ b:x", "@a\\ b:x"),
        ("@a\\:b:x", "@a\\:b:x"),
        ("@\"a b\":x", "@a\\ b:x"),
        ("@a:x*y?z", "@a:x*y?z"),
        ("@a:two\\ w*", "@a:two\\ w*"),
        ("@view.url:https://x.com:8080/a-b@c.d?q", "@view.url:https://x.com:8080/a-b@c.d?q"),
        ("@view.url_path:\\/cart", "@view.url_path:/cart"),
        ("@a:-5", "@a:-5"),
        ("@a:@b", "@a:@b"),
        ("@a:x[0]", "@a:x\\[0\\]"),
        ("@n:>5", "@n:>5"),
        ("@n:>= 5", "@n:>=5"),
        ("@n:<-0.5", "@n:<-0.5"),
        ("@n:<=1e3", "@n:<=1000"),
        ("@n:[3 TO 10]", "@n:[3 TO 10]"),
        ("@n:[ -3   TO 10 ]", "@n:[-3 TO 10]"),
        ("@n:[* TO 10]", "@n:[* TO 10]"),
        ("@n:[* TO *]", "@n:[* TO *]"),
        ("@view.loading_time:[1s TO 3s]", "@view.loading_time:[1000000000 TO 3000000000]"),
        ("@d:>1ns @d:>1us @d:>1µs @d:>1.5ms", "@d:>1 AND @d:>1000 AND @d:>1000 AND @d:>1500000"),
        ("@d:>1s @d:>1m @d:>1h", "@d:>1000000000 AND @d:>60000000000 AND @d:>3600000000000"),
        ("@t:>=2026-11-01", "@t:>=2026-11-01T00:00:00Z"),
        ("@t:[2026-11-01 TO 2026-11-02]", "@t:>=2026-11-01T00:00:00Z AND @t:<=2026-11-02T00:00:00Z"),
        ("CIDR(@ip, 10.0.0.0/8,192.168.0.1)", "CIDR(@ip, 10.0.0.0/8, 192.168.0.1/32)"),
        ("-CIDR(@ip, 10.1.2.3/8)", "-CIDR(@ip, 10.0.0.0/8)"),
        ("Cart", "*:cart"),
        ("*:Cart", "*:cart"),
        ("*Cart*", "*:cart"),
        ("\"AND\" and", "*:and AND *:and"),
        ("\"two Words\"", "*:\"two words\""),
        ("TO IN", "*:to AND *:in"),
        ("*:(a OR b)", "*:a OR *:b"),
        ("@CIDR:1 @IN:2 NOT:3", "@CIDR:1 AND @IN:2 AND @NOT:3"),
    ];
    for (text, expected) in rows {
        assert_eq!(normalised(text, Dialect::Event), expected, "{text}");
    }
}

#[test]
fn profiles_speak_in_bare_names() {
    let rows = [
        ("is_anonymous:true", "is_anonymous:true"),
        ("user_email:*@x.com country_code:BR", "user_email:*@x.com AND country_code:BR"),
        ("@customer_tier:gold", "customer_tier:gold"),
        ("\\@odd:1 \\-odd:2", "\\@odd:1 AND \\-odd:2"),
        ("country_code IN (BR, PT)", "country_code:BR OR country_code:PT"),
        ("anna", "*:anna"),
    ];
    for (text, expected) in rows {
        assert_eq!(normalised(text, Dialect::Profile), expected, "{text}");
    }
}

#[test]
fn errors_point_at_the_place() {
    let rows = [
        ("@a:1 )", 5, 1, "closes nothing"),
        ("(@a:1", 0, 1, "never closed"),
        ("@a:(x OR y", 3, 1, "never closed"),
        ("()", 1, 1, "missing before this parenthesis"),
        ("@a:1 OR", 7, 0, "ends too early"),
        ("@a:1 AND", 8, 0, "ends too early"),
        ("NOT", 3, 0, "ends too early"),
        ("OR @a:1", 0, 2, "OR has nothing before it"),
        ("@a:1 OR OR @b:2", 8, 2, "OR has nothing before it"),
        ("@a:1 - @b:1", 5, 1, "nothing follows the minus"),
        ("@a:\"x", 3, 2, "quote is never closed"),
        ("@a:x\\", 4, 1, "nothing follows the backslash"),
        ("@a: x", 0, 3, "no value follows"),
        ("@a:", 0, 3, "no value follows"),
        ("@:x", 0, 1, "no name"),
        (":x", 0, 0, "no name"),
        ("@a*:x", 2, 1, "no wildcards"),
        ("@a", 0, 2, "`@a` is not a term"),
        (">5", 0, 2, "`>5` is not a term"),
        ("!x", 0, 2, "`!x` is not a term"),
        ("@a:1 && @b:2", 5, 2, "`&&` is not a term"),
        ("@a:1 || @b:2", 5, 2, "`||` is not a term"),
        ("@a:=5", 3, 1, "bare ="),
        ("@a:{1 TO 2}", 3, 1, "bare {"),
        ("@a:f(x)", 4, 1, "parenthesis inside a value"),
        ("f(x)", 1, 1, "parenthesis inside a value"),
        ("@a:(x, y)", 5, 1, "bare comma"),
        ("@n:>x", 4, 1, "neither a number nor an instant"),
        ("@n:>", 4, 0, "neither a number nor an instant"),
        ("@n:>5parsecs", 4, 8, "neither a number nor an instant"),
        ("@n:>inf", 4, 3, "neither a number nor an instant"),
        ("@n:[3 10]", 3, 3, "not complete"),
        ("@n:[3 TO 10", 3, 8, "not complete"),
        ("@n:[10 TO 3]", 3, 9, "ends before it begins"),
        ("@n:[2026-11-02 TO 2026-11-01]", 3, 26, "ends before it begins"),
        ("@n:[2026-11-02 TO 5]", 3, 17, "one bound"),
        ("*:>5", 0, 3, "needs a facet"),
        ("@a IN ()", 7, 1, "entry of this list is missing"),
        ("@a IN (x,)", 9, 1, "entry of this list is missing"),
        ("@a IN (x y)", 9, 1, "comma is missing"),
        ("@a IN (x", 6, 1, "never closed"),
        ("CIDR(@ip)", 0, 9, "names no network"),
        ("CIDR(@ip, 10.0.0.0/99)", 10, 11, "not an IP network"),
    ];
    for (text, offset, length, message) in rows {
        let error = parse(text, Dialect::Event).expect_err(text);
        assert_eq!((error.offset, error.length), (offset, length), "{text}: {error}");
        assert!(error.message.contains(message), "{text}: {error}");
        assert_eq!(error.kind(), FaultKind::Invalid, "{text}");
    }
    let error = parse("@a:é )", Dialect::Event).unwrap_err();
    assert_eq!((error.offset, error.position), (6, 6));
    assert_eq!(
        error.to_string(),
        "this parenthesis closes nothing, at position 6 of the query; remove it, or write \\) for the character itself"
    );
}

#[test]
fn limits_are_errors() {
    let check = |text: String, fits: bool| {
        let kind = parse(&text, Dialect::Event).map_err(|error| error.kind());
        let expected = if fits { Ok(()) } else { Err(FaultKind::TooLarge) };
        assert_eq!(kind.map(|_| ()), expected, "{} bytes", text.len());
    };
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    check(nested(limits::NESTING_DEPTH), true);
    check(nested(limits::NESTING_DEPTH + 1), false);
    check(format!("{}a", "-".repeat(limits::NESTING_DEPTH + 1)), false);
    check("a ".repeat(limits::QUERY_TERMS), true);
    check("a ".repeat(limits::QUERY_TERMS + 1), false);
    check(format!("@a:{}", "?".repeat(limits::PATTERN_WILDCARDS)), true);
    check(format!("@a:{}", "?".repeat(limits::PATTERN_WILDCARDS + 1)), false);
    check("a".repeat(limits::QUERY_BYTES), true);
    check("a".repeat(limits::QUERY_BYTES + 1), false);
    check(format!("@{}:x", "a".repeat(limits::PATH_BYTES + 1)), false);
}

#[test]
fn tests_hold_for_values() {
    let list = |items: &[&str]| Value::List(items.iter().map(|item| item.to_string()).collect());
    let rows = [
        ("5", Value::Number(5.0), true),
        ("5", Value::text("5"), true),
        ("5", Value::text("5.0"), false),
        ("5.0", Value::Number(5.0), true),
        ("-0", Value::Number(0.0), true),
        ("5*", Value::Number(51.0), true),
        ("true", Value::Bool(true), true),
        ("true", Value::text("true"), true),
        ("true", Value::Bool(false), false),
        ("True", Value::Bool(true), false),
        ("Cart", Value::text("cart"), false),
        ("c?rt", Value::text("cart"), true),
        ("c?rt", Value::text("crt"), false),
        ("c?t", Value::text("cét"), true),
        ("*a*b", Value::text("xaybzab"), true),
        ("*a*b", Value::text("xaybza"), false),
        ("\"*\"", Value::text("*"), true),
        ("\"*\"", Value::text("x"), false),
        ("\"\"", Value::text(""), true),
        ("x", list(&["w", "x"]), true),
        ("*", list(&[]), false),
        ("*", Value::Null, false),
        ("*", Value::text(""), true),
        (">5", Value::Number(5.0), false),
        (">5", Value::text("6"), true),
        (">5", Value::text("6s"), false),
        (">5", Value::text("inf"), false),
        (">5", list(&["1", "6"]), true),
        (">5", Value::Bool(true), false),
        ("[3 TO 10]", Value::Number(3.0), true),
        ("[3 TO 10]", Value::Number(10.0), true),
        ("[3 TO 10]", Value::Number(10.1), false),
        ("[* TO *]", Value::text("x"), false),
        (">=2026-11-01", Value::text("2026-11-01T00:00:00.000Z"), true),
        (">2026-11-01", Value::text("2026-11-01T00:00:00.000Z"), false),
        (">2026-11-01", Value::text("soon"), false),
        ("<2026-11-01", Value::Number(1_700_000_000_000.0), true),
    ];
    for (test, value, expected) in rows {
        let query = query(&format!("@a:{test}"));
        let lookup = |path: &str| (path == "a").then(|| value.clone());
        assert_eq!(query.expr.matches(&lookup), expected, "@a:{test} on {value:?}");
    }
    let networks = query("CIDR(@a, 10.0.0.0/8, 2001:db8::/32)");
    for (address, expected) in [
        ("10.9.8.7", true),
        ("11.0.0.1", false),
        ("2001:db8::1", true),
        ("::ffff:10.0.0.1", true),
        ("x", false),
    ] {
        assert_eq!(networks.expr.matches(&|_| Some(address.into())), expected, "{address}");
    }
}

#[test]
fn expressions_hold_for_events() {
    let event = |path: &str| match path {
        "type" => Some("view".into()),
        "view.name" => Some("Größe /Cart".into()),
        "usr.id" => Some("u1".into()),
        "n" => Some(7.0.into()),
        _ => None,
    };
    let rows = [
        ("", true),
        ("@type:view", true),
        ("-@type:view", false),
        ("@missing:x", false),
        ("-@missing:x", true),
        ("-@missing:*", true),
        ("@type:view @n:>6", true),
        ("@type:action @n:>6", false),
        ("@type:action OR @n:>6", true),
        ("@type:action @n:1 OR @n:7", true),
        ("@n:(1 OR 7)", true),
        ("@n NOT IN (1, 7)", false),
        ("cart", true),
        ("GRÖSSE", false),
        ("GRÖßE", true),
        ("c?rt", true),
        ("u1", false),
        ("\"größe /\"", true),
    ];
    for (text, expected) in rows {
        assert_eq!(query(text).expr.matches(&event), expected, "{text}");
    }
}

#[test]
fn hostile_patterns_are_answered_quickly() {
    let pattern = format!("@a:{}b", "*a".repeat(limits::PATTERN_WILDCARDS - 1));
    let text = "a".repeat(20_000);
    assert!(!query(&pattern).expr.matches(&|_| Some(text.as_str().into())));
    assert!(query(&pattern.replace('b', "*")).expr.matches(&|_| Some(text.as_str().into())));
}

#[test]
fn queries_know_what_they_look_at() {
    assert_eq!(query("@b:1 OR -@a:2 @b:3").facets(), ["a", "b"]);
    assert_eq!(query("x").facets().len(), TEXT_FACETS.len());
    let rows = [
        ("@type:session", true),
        ("@type:(view OR session)", true),
        ("-@type:session", false),
        ("-(@a:1 OR -@type:session)", true),
        ("@type:*", false),
        ("@a:session", false),
    ];
    for (text, expected) in rows {
        assert_eq!(query(text).names_sessions(), expected, "{text}");
    }
    let Expr::And(terms) = query("@a:1 AND @b:\"x y\"").expr else { panic!() };
    let Expr::Term(term) = &terms[1] else { panic!() };
    assert_eq!(term.span, 9..17);
    assert_eq!(
        (term.test.clone(), &term.facet),
        (Test::Text(Pattern::exactly("x y")), &Facet::Path("b".into()))
    );
}

#[test]
fn slips_are_warned_of() {
    let rows = [
        ("@a:1 or @b:2", "`or` is searched as a word; write OR to join terms"),
        ("@a:1 -@a:1", "a term stands beside its own negation: nothing can match"),
        ("@a:1 OR NOT @a:1", "a term stands beside its own negation: everything matches"),
        ("(@type:view @n:1 @type:action)", "an event cannot be both `view` and `action`"),
    ];
    for (text, expected) in rows {
        let messages: Vec<String> = query(text).warnings().into_iter().map(|(_, message)| message).collect();
        assert_eq!(messages, [expected], "{text}");
    }
    for silent in ["", "@a:1 OR @b:2", "\"or\"", "@a:x @a:y", "@type:view OR @type:action"] {
        assert_eq!(query(silent).warnings(), [], "{silent}");
    }
}

#[test]
fn explanations_are_trees_in_words() {
    let query =
        query("@type:view (@a:x* OR -(@n:>5 cart)) @t:<2026-11-01 -CIDR(@ip, 10.0.0.0/8) @n:[* TO 3]");
    let expected = "\
all of
  type is \"view\"
  any of
    a matches \"x*\"
    not: all of
      n > 5
      any display text contains \"cart\" in any case
  t is before 2026-11-01T00:00:00Z
  not: ip is an address in 10.0.0.0/8
  n is from any number to 3, both included
";
    assert_eq!(explain(&query), expected);
}

/// The meaning of a pattern, by trying everything.
fn matches_by_trying(pieces: &[Piece], text: &str) -> bool {
    match pieces {
        [] => text.is_empty(),
        [Piece::Text(start), rest @ ..] => {
            text.strip_prefix(start.as_str()).is_some_and(|text| matches_by_trying(rest, text))
        }
        [Piece::One, rest @ ..] => {
            text.chars().next().is_some_and(|ch| matches_by_trying(rest, &text[ch.len_utf8()..]))
        }
        [Piece::Many, rest @ ..] => {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| matches_by_trying(rest, &text[at..]))
        }
    }
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let piece = prop_oneof![
        3 => "[abé]{1,2}".prop_map(Piece::Text),
        1 => Just(Piece::One),
        2 => Just(Piece::Many),
    ];
    prop::collection::vec(piece, 0..7)
}

fn test() -> impl Strategy<Value = Test> {
    let text = prop_oneof![".{0,4}", "[-a @:*?\\\\\"(),<>=\\[\\]{}!]{1,5}"];
    let piece = prop_oneof![text.prop_map(Piece::Text), Just(Piece::One), Just(Piece::Many)];
    let op = prop::sample::select(vec![Op::Greater, Op::GreaterOrEqual, Op::Less, Op::LessOrEqual]);
    let number = prop_oneof![any::<i32>().prop_map(f64::from), prop::num::f64::NORMAL];
    let instant = (0..4_000_000_000_000_000_i64).prop_map(Instant);
    let network = any::<(u32, bool)>().prop_map(|(bits, wide)| {
        let address = std::net::IpAddr::from(std::net::Ipv4Addr::from(bits));
        ipnet::IpNet::new(address, if wide { 8 } else { 32 }).unwrap().trunc()
    });
    let pattern = prop::collection::vec(piece, 0..5).prop_map(Pattern::new);
    prop_oneof![
        Just(Test::Exists),
        pattern.prop_map(|pattern| match pattern.pieces() {
            [Piece::Many] => Test::Exists,
            _ => Test::Text(pattern),
        }),
        (op.clone(), number.clone()).prop_map(|(op, number)| Test::Compare { op, number }),
        (number.clone(), number).prop_map(|(a, b)| Test::Range { from: a.min(b), to: a.max(b) }),
        (op, instant).prop_map(|(op, instant)| Test::When { op, instant }),
        prop::collection::vec(network, 1..3).prop_map(Test::Cidr),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    let path = prop_oneof![
        "[a-z_]{1,4}(\\.[a-z]{1,3})?",
        "[-a @:*?\\\\\"(),<>=\\[\\]{}!]{1,4}",
        Just("service".into())
    ];
    let word = "[a-zß *?\"]{0,4}";
    let term = |facet, test| Expr::Term(Term { facet, test, span: 0..0 });
    let leaf = prop_oneof![
        1 => Just(Expr::Everything),
        1 => word.prop_map(move |word| {
            term(Facet::AnyText, Test::Contains(Pattern::new([Piece::Text(word)]).anywhere()))
        }),
        6 => (path, test()).prop_map(move |(path, test)| term(Facet::Path(path), test)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let parts = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
            parts.clone().prop_map(Expr::and),
            parts.prop_map(Expr::or),
        ]
    })
}

proptest! {
    #[test]
    fn wildcards_match_as_if_everything_were_tried(pieces in pieces(), text in "[abé]{0,12}") {
        let pattern = Pattern::new(pieces);
        prop_assert_eq!(pattern.matches(&text), matches_by_trying(pattern.pieces(), &text));
    }

    #[test]
    fn every_expression_reads_back_from_its_text(expr in expr(), profile in any::<bool>()) {
        let dialect = if profile { Dialect::Profile } else { Dialect::Event };
        let query = Query { expr, text: String::new(), dialect };
        let printed = query.to_string();
        let read = parse(&printed, dialect);
        prop_assert_eq!(read.as_ref(), Ok(&query), "{}", printed);
        explain(&query);
    }
}
