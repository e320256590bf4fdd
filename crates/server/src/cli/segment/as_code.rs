//! `whodid segment apply` and `export-yaml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{read_file, text};
use crate::cli::client::Client;
use crate::cli::{CliError, Done};

const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Sends what the files hold as one list. An error names the file that it is about.
pub(super) async fn apply(
    client: &Client,
    from: &[String],
    dry_run: bool,
    prune: bool,
) -> Result<Value, CliError> {
    let mut files = Vec::new();
    for name in from {
        files.extend(files_of(name)?);
    }
    let mut segments: Vec<Value> = Vec::new();
    // Where each segment of the list comes from: the file, and its place there if it is not alone.
    let mut origins: Vec<(String, Option<usize>)> = Vec::new();
    for file in files {
        let document: Value = serde_saphyr::from_str(&read_file(&file)?)
            .map_err(|error| CliError::Failed(format!("{file} is neither YAML nor JSON: {error}")))?;
        match document {
            Value::Array(list) => {
                origins.extend((0..list.len()).map(|place| (file.clone(), Some(place))));
                segments.extend(list);
            }
            Value::Null => {}
            one => {
                origins.push((file, None));
                segments.push(one);
            }
        }
    }
    // An empty folder is a slip; with pruning it would delete everything.
    if segments.is_empty() {
        return Err(CliError::Failed(format!("there are no segments in {}", from.join(", "))));
    }
    let path = format!("/segments/apply?dry_run={dry_run}&prune={prune}");
    let answer = client.send(&path, Value::Array(segments).to_string()).await;
    answer.map_err(|error| match error {
        CliError::Refused(words) => CliError::Refused(in_file(words, &origins)),
        other => other,
    })
}

/// `/3/definition: …` with the file in place of the place in the list.
fn in_file(words: String, origins: &[(String, Option<usize>)]) -> String {
    let Some(rest) = words.strip_prefix('/') else { return words };
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (place, rest) = rest.split_at(digits);
    match place.parse().ok().and_then(|place: usize| origins.get(place)) {
        Some((file, Some(place))) => format!("{file}: /{place}{rest}"),
        Some((file, None)) => format!("{file}: {}", rest.trim_start_matches(": ")),
        None => words,
    }
}

/// The file itself, or the YAML and JSON files in a folder and below it, sorted.
fn files_of(name: &str) -> Result<Vec<String>, CliError> {
    if name == "-" || !Path::new(name).is_dir() {
        return Ok(vec![name.to_string()]);
    }
    let unreadable = |path: &Path| {
        let what = path.display().to_string();
        move |source| CliError::Unreadable { what, source }
    };
    let (mut folders, mut files) = (vec![PathBuf::from(name)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(unreadable(&folder))? {
            let entry = entry.map_err(unreadable(&folder))?;
            let path = entry.path();
            let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
            if entry.file_type().map_err(unreadable(&path))?.is_dir() {
                folders.push(path);
            } else if extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str())) {
                files.push(path.display().to_string());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Writes all segments down: to standard output, or one file each into a folder.
pub(super) async fn export(client: &Client, folder: Option<&Path>) -> Done {
    let Some(folder) = folder else {
        return client.download("/segments.yaml", &mut std::io::stdout().lock()).await;
    };
    let mut yaml = Vec::new();
    client.download("/segments.yaml", &mut yaml).await?;
    let unexpected = |detail: String| CliError::Unexpected { path: "/segments.yaml".to_string(), detail };
    let segments: Vec<Value> =
        serde_saphyr::from_slice(&yaml).map_err(|error| unexpected(error.to_string()))?;
    let unwritable = |path: &Path| {
        let what = path.display().to_string();
        move |source| CliError::Unreadable { what, source }
    };
    fs::create_dir_all(folder).map_err(unwritable(folder))?;
    let mut taken = BTreeSet::new();
    for segment in segments {
        let yaml = serde_saphyr::to_string(&segment).map_err(|error| unexpected(error.to_string()))?;
        let path = folder.join(file_name(&text(&segment["name"]), &mut taken));
        fs::write(&path, yaml).map_err(unwritable(&path))?;
    }
    Ok(())
}

/// A file name after the segment's name, unlike those taken.
fn file_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c.to_lowercase().collect() } else { "-".to_string() };
    let words: String = name.chars().map(plain).collect();
    let stem = words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-");
    let stem = if stem.is_empty() { "segment".to_string() } else { stem };
    let names = std::iter::once(stem.clone()).chain((2..).map(|n| format!("{stem}-{n}")));
    let free = names.map(|name| format!("{name}.yaml")).find(|name| taken.insert(name.clone()));
    free.unwrap_or(stem)
}
