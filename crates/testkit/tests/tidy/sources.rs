//! What a source file may not hold.

use crate::Finding;
use crate::repo::File;

const PRODUCTION_LINES_MAX: usize = 500;

/// A text that may stand in no source file whose path `applies` to. Comments that take a whole line are not read.
struct Banned {
    rule: &'static str,
    texts: &'static [&'static str],
    applies: fn(&str) -> bool,
    advice: &'static str,
}

// The texts are put together from halves, so that this file keeps its own rules.
const BANNED: [Banned; 6] = [
    Banned {
        rule: "clock",
        texts: &[concat!("SystemTime::", "now"), concat!("Timestamp::", "now"), concat!("Zoned::", "now")],
        applies: |path| is_rust(path) && path != "crates/model/src/time.rs" && !path.contains("/benches/"),
        advice: "take the time from a whodid_model::Clock; std::time::Instant is for durations only",
    },
    Banned {
        rule: "unfinished",
        texts: &[concat!("to", "do!("), concat!("unimpl", "emented!(")],
        applies: is_rust,
        advice: "finish it, or leave it out",
    },
    Banned {
        rule: "ignored test",
        texts: &[concat!("#[ign", "ore")],
        applies: is_rust,
        advice: "make it run with the others, with few cases by default, or delete it",
    },
    Banned {
        rule: "dead code",
        texts: &[concat!("allow(dead", "_code)")],
        applies: is_rust,
        advice: "delete what nothing calls",
    },
    Banned {
        rule: "layers",
        texts: &[concat!("datafusion", "::")],
        applies: |path| is_rust(path) && !path.starts_with("crates/engine/"),
        advice: "only engine names the query engine, also where another package re-exports it",
    },
    Banned {
        rule: "layers",
        texts: &[concat!("async", " fn"), concat!("async", " move"), concat!(".aw", "ait")],
        applies: |path| {
            ["crates/model/", "crates/query/", "crates/match/"].iter().any(|c| path.starts_with(c))
        },
        advice: "this crate is plain functions over slices; async begins in store",
    },
];

pub(crate) fn check(sources: &[File]) -> Vec<Finding> {
    sources.iter().flat_map(check_source).collect()
}

fn check_source(source: &File) -> Vec<Finding> {
    let finding = |line, rule, advice| Finding { file: source.path.clone(), line, rule, advice };
    let mut findings = Vec::new();
    for (index, text) in source.text.lines().enumerate() {
        if text.trim_start().starts_with("//") {
            continue;
        }
        for row in BANNED.iter().filter(|row| (row.applies)(&source.path)) {
            if row.texts.iter().any(|banned| text.contains(banned)) {
                findings.push(finding(index + 1, row.rule, row.advice.to_string()));
            }
        }
    }
    if source.path.ends_with("/mod.rs") {
        findings.push(finding(1, "module files", "write `foo.rs` beside the folder `foo/`".to_string()));
    }
    let lines = production_lines(source);
    if lines > PRODUCTION_LINES_MAX {
        let advice = format!(
            "{lines} lines of production code, at most {PRODUCTION_LINES_MAX}: split it by what it is about"
        );
        findings.push(finding(lines, "length", advice));
    }
    findings
}

/// Lines before the unit tests; none in a file that holds only tests, or types that are made from the API's description.
fn production_lines(source: &File) -> usize {
    let is_test = source.path.ends_with("/tests.rs")
        || source.path.ends_with(".d.ts")
        || source.path.contains("/tests/")
        || source.path.contains(".test.ts");
    if is_test {
        return 0;
    }
    let lines: Vec<&str> = source.text.lines().collect();
    let begins_tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod tests");
    lines.windows(2).position(begins_tests).unwrap_or(lines.len())
}

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

#[test]
fn broken_sources_are_found() {
    let check = |path: &str, text: &str, expected: &[&str]| {
        let found = check_source(&File { path: path.to_string(), text: text.to_string() });
        let found: Vec<String> = found.iter().map(|f| format!("{}:{}", f.line, f.rule)).collect();
        assert_eq!(found, expected, "{path}: {text}");
    };
    let clock = BANNED[0].texts[0];
    check("crates/store/src/wal.rs", &format!("\nlet now = {clock}();"), &["2:clock"]);
    check("crates/store/src/wal.rs", &format!("// not {clock}"), &[]);
    check("crates/model/src/time.rs", clock, &[]);
    check("crates/store/src/wal.rs", "let begun = std::time::Instant::now();", &[]);
    check("crates/match/tests/all.rs", BANNED[1].texts[0], &["1:unfinished"]);
    check("crates/match/src/tests.rs", BANNED[2].texts[0], &["1:ignored test"]);
    check("crates/server/src/main.rs", BANNED[3].texts[0], &["1:dead code"]);
    check("crates/store/src/scan.rs", BANNED[4].texts[0], &["1:layers"]);
    check("crates/engine/src/plan.rs", BANNED[4].texts[0], &[]);
    check("crates/query/src/lex.rs", BANNED[5].texts[0], &["1:layers"]);
    check("crates/query/src/lex/mod.rs", "", &["1:module files"]);
    let long = "\n".repeat(501);
    check("crates/query/src/lex.rs", &long, &["501:length"]);
    check("ui/src/app.tsx", &long, &["501:length"]);
    check("ui/src/app.test.tsx", &long, &[]);
    check("crates/query/src/lex/tests.rs", &long, &[]);
    check("crates/query/src/lex.rs", &format!("fn lex() {{}}\n#[cfg(test)]\nmod tests {{{long}}}"), &[]);
}
