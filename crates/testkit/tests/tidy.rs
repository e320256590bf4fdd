//! The rules that the repository keeps, read from its manifests and sources. A rule is a row of a table; what breaks
//! one is printed as `file:line: rule: what to do`.

#[path = "tidy/repo.rs"]
mod repo;

#[path = "tidy/manifests.rs"]
mod manifests;

#[path = "tidy/sources.rs"]
mod sources;

use std::fmt;

use repo::Repo;

/// Where a rule is broken, which one, and what to do about it. Lines count from 1.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    file: String,
    line: usize,
    rule: &'static str,
    advice: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.rule, self.advice)
    }
}

#[test]
fn the_repository_keeps_its_rules() {
    let repo = Repo::read();
    let mut findings = manifests::check(&repo.manifests);
    findings.extend(sources::check(&repo.sources));
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "{} rules broken:\n{}\n", lines.len(), lines.join("\n"));
}
