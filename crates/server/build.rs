//! A release binary has the web app's files in it, so it has to be built again when they change. A debug binary reads
//! them when it runs.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    for folder in ["../../ui/dist", "../../ui"] {
        if release && Path::new(folder).exists() {
            println!("cargo::rerun-if-changed={folder}");
            break;
        }
    }
}
