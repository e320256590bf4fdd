//! A binary has to be built again when the web app's files come to be there, and a release binary, which has them in it,
//! also when they change. A debug binary reads them when it runs.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let (built, sources) = ("../../ui/dist", "../../ui");
    if !Path::new(built).exists() {
        if Path::new(sources).exists() {
            println!("cargo::rerun-if-changed={sources}");
        }
    } else if release {
        println!("cargo::rerun-if-changed={built}");
    }
}
