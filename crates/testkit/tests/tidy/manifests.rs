//! Who may depend on whom. Layers exist to keep heavy dependencies and foreign notions out of light crates.

use crate::Finding;
use crate::repo::File;

/// A crate, by the name of its folder, and the crates it may depend on. Imports only point up this table.
const LAYERS: [(&str, &[&str]); 9] = [
    ("model", &[]),
    ("query", &["model"]),
    ("match", &["model"]),
    ("intake", &["model"]),
    ("store", &["model", "intake"]),
    ("engine", &["model", "query", "match", "store"]),
    ("insights", &["model", "query", "match", "intake", "store", "engine"]),
    ("server", &["model", "query", "match", "intake", "store", "engine", "insights"]),
    ("testkit", &["model", "intake"]),
];

/// Packages whose name begins with one of `prefixes` may stand in no manifest but those that `allowed` accepts.
struct Foreign {
    prefixes: &'static [&'static str],
    allowed: fn(&str) -> bool,
    advice: &'static str,
}

const FOREIGN: [Foreign; 3] = [
    Foreign {
        prefixes: &["datafusion"],
        allowed: |name| name == "engine",
        advice: "only engine knows the query engine; offer what is needed as a function of engine",
    },
    Foreign {
        prefixes: &["arrow", "parquet", "tokio", "async", "futures"],
        allowed: |name| !matches!(name, "model" | "query" | "match"),
        advice: "this crate is plain functions over slices; move the code to intake, store or engine",
    },
    Foreign {
        prefixes: &["axum", "http", "hyper", "tower", "utoipa"],
        allowed: |name| name == "server",
        advice: "only server speaks HTTP; return a typed answer or a fault kind",
    },
];

pub(crate) fn check(manifests: &[File]) -> Vec<Finding> {
    manifests.iter().flat_map(check_manifest).collect()
}

fn check_manifest(manifest: &File) -> Vec<Finding> {
    let Some(name) = manifest.path.strip_prefix("crates/").and_then(|path| path.strip_suffix("/Cargo.toml"))
    else {
        return Vec::new();
    };
    let finding = |line, rule, advice| Finding { file: manifest.path.clone(), line, rule, advice };
    let Some((_, may_use)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        let advice =
            format!("`{name}` has no place in the layers; add it to ARCHITECTURE.md and to LAYERS here");
        return vec![finding(1, "layers", advice)];
    };
    let mut findings = Vec::new();
    for dependency in dependencies(&manifest.text) {
        let line = dependency.line;
        if !dependency.from_workspace {
            let advice = format!(
                "give `{0}` its version in the root Cargo.toml and write `{0}.workspace = true`",
                dependency.name
            );
            findings.push(finding(line, "versions", advice));
        }
        let own = dependency.name.strip_prefix("whodid-");
        let testing = dependency.development && own == Some("testkit");
        if let Some(own) = own
            && !testing
            && !may_use.contains(&own)
        {
            findings.push(finding(
                line,
                "layers",
                format!("{name} may not depend on {own}: imports only point up"),
            ));
        }
        let named = |row: &&Foreign| row.prefixes.iter().any(|prefix| dependency.name.starts_with(prefix));
        for row in FOREIGN.iter().filter(named) {
            if !(row.allowed)(name) {
                findings.push(finding(
                    line,
                    "layers",
                    format!("`{}` in {name}: {}", dependency.name, row.advice),
                ));
            }
        }
    }
    findings
}

struct Dependency<'a> {
    name: &'a str,
    line: usize,
    development: bool,
    from_workspace: bool,
}

/// The dependencies of a manifest that writes each on one line, or on several within one pair of brackets.
/// A dependency with a section of its own comes back as not being from the workspace, so that it is found.
fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found: Vec<Dependency<'_>> = Vec::new();
    let mut section = "";
    for (index, text) in manifest.lines().enumerate() {
        let text = text.trim();
        let line = index + 1;
        if let Some(header) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = header;
            if let Some((_, name)) = section.split_once("dependencies.") {
                found.push(Dependency { name, line, development: false, from_workspace: false });
            }
            continue;
        }
        let continues = !text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !section.ends_with("dependencies") || continues {
            continue;
        }
        let name_length = text.find(['.', ' ', '=']).unwrap_or(text.len());
        let (name, value) = text.split_at(name_length);
        let value: String = value.split_whitespace().collect();
        found.push(Dependency {
            name,
            line,
            development: section.ends_with("dev-dependencies"),
            from_workspace: value == ".workspace=true" || value.starts_with("={workspace=true"),
        });
    }
    found
}

#[test]
fn broken_manifests_are_found() {
    let check = |folder: &str, manifest: &str, expected: &[&str]| {
        let path = format!("crates/{folder}/Cargo.toml");
        let found = check_manifest(&File { path, text: manifest.to_string() });
        let found: Vec<String> = found.iter().map(|f| format!("{}:{}", f.line, f.rule)).collect();
        assert_eq!(found, expected, "{folder}: {manifest}");
    };
    check("store", "[dependencies]\nwhodid-model.workspace = true\nwhodid-intake.workspace = true", &[]);
    check("store", "[dependencies]\nwhodid-engine.workspace = true", &["2:layers"]);
    check("store", "[dev-dependencies]\nwhodid-testkit.workspace = true", &[]);
    check("store", "[dependencies]\nwhodid-testkit.workspace = true", &["2:layers"]);
    check("store", "[dependencies]\ndatafusion-proto.workspace = true", &["2:layers"]);
    check(
        "match",
        "[dependencies]\narrow.workspace = true\ntokio.workspace = true",
        &["2:layers", "3:layers"],
    );
    check("insights", "[target.'cfg(unix)'.dependencies]\naxum.workspace = true", &["2:layers"]);
    check("server", "[dependencies]\naxum = { workspace = true, features = [\n  \"ws\",\n] }", &[]);
    check(
        "server",
        "[dependencies]\naxum = \"0.8\"\nurl = { version = \"2\" }",
        &["2:versions", "3:versions"],
    );
    check("server", "[dependencies.axum]\nworkspace = true", &["1:versions"]);
    check("extra", "[package]\nversion.workspace = true", &["1:layers"]);
}
