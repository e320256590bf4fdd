//! What the rules read: every manifest and every source file, by its path from the root of the repository.

use std::fs;
use std::path::{Path, PathBuf};

const SKIPPED_FOLDERS: [&str; 4] = ["target", "node_modules", "dist", ".git"];
const SOURCE_ENDINGS: [&str; 3] = ["rs", "ts", "tsx"];

pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) struct Repo {
    pub(crate) manifests: Vec<File>,
    pub(crate) sources: Vec<File>,
}

impl Repo {
    pub(crate) fn read() -> Repo {
        // Tests run in their crate's folder. A path compiled in could name another clone that shares the target folder.
        let root = PathBuf::from("../..");
        let mut repo = Repo { manifests: Vec::new(), sources: Vec::new() };
        for folder in ["crates", "ui", "bench"] {
            repo.read_folder(&root, &PathBuf::from(folder));
        }
        assert!(repo.manifests.len() > 1, "no manifests under {}", root.display());
        repo
    }

    fn read_folder(&mut self, root: &Path, folder: &Path) {
        let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
        let mut names: Vec<_> = entries.map(|entry| entry.expect("a readable folder").file_name()).collect();
        names.sort();
        for name in names {
            let path = folder.join(&name);
            if root.join(&path).is_dir() {
                if !SKIPPED_FOLDERS.iter().any(|skipped| name == *skipped) {
                    self.read_folder(root, &path);
                }
                continue;
            }
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            let files = match ending {
                "toml" if name == "Cargo.toml" => &mut self.manifests,
                ending if SOURCE_ENDINGS.contains(&ending) => &mut self.sources,
                _ => continue,
            };
            let text = fs::read_to_string(root.join(&path)).expect("a readable file");
            files.push(File { path: path.to_string_lossy().replace('\\', "/"), text });
        }
    }
}
