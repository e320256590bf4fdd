//! Folders as former versions wrote them, in `tests/samples`. Every one opens and shows its events.

use whodid_model::{Value, revision};

use super::*;

fn samples() -> PathBuf {
    Path::new("tests").join("samples")
}

/// What every sample holds: first what its table has, then what is in its log alone.
fn sampled() -> [Vec<Event>; 2] {
    let cart = view("/cart").id("v1").user("ada").session("s1").anonymous("a1").at("2026-08-31T23:59:59Z");
    let update = view("/cart").id("v1").revision(3).user("ada").at("2026-09-01T00:00:05Z");
    let buy = action("BUY").id("a1").anonymous("a1").at("2026-09-01T00:00:00Z").attr("cart.total", 9.75);
    let odd = action("ODD").id("a2").session("s2").at("2027-01-01T00:00:00Z");
    let odd = odd
        .attr("cart.total", "much")
        .attr("a b", true)
        .attr("tags", Value::List(vec!["x".into(), "".into()]));
    let later = action("BUY").id("a3").user("bea").at("2026-09-30T12:00:00Z").attr("cart.total", 3.0);
    let in_table = vec![cart.build(), buy.build(), odd.build()];
    [in_table, vec![revision::partial(update.build()), later.build()]]
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[tokio::test]
async fn folders_of_every_format_open() {
    let mut formats = 0;
    for entry in std::fs::read_dir(samples()).unwrap() {
        let sample = entry.unwrap().path();
        let dir = tempfile::tempdir().unwrap();
        copy_folder(&sample, dir.path());
        let expected = model(&sampled().concat(), None);
        let store = open(dir.path(), by_hand()).await;
        assert_eq!(store.status().await.unwrap().unflushed_events, 2, "{}", sample.display());
        assert_eq!(shown(&store.snapshot().await.unwrap()), expected, "{}", sample.display());
        // Written on in today's format.
        store.close().await.unwrap();
        let store = open(dir.path(), by_hand()).await;
        assert_eq!(shown(&store.snapshot().await.unwrap()), expected, "{}", sample.display());
        drop(store);
        assert_eq!(table_of(dir.path()).await.0.len(), expected.len());
        formats += 1;
    }
    assert!(formats > 0);
}

/// When the format has changed, this makes the new sample: set the variable to a folder that does not exist.
const NEW_SAMPLE: &str = "WHODID_NEW_SAMPLE";

#[tokio::test]
async fn a_sample_of_today_opens() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), by_hand()).await;
    let [in_table, in_log] = sampled();
    store.append(in_table).await.unwrap();
    store.flush().await.unwrap();
    store.append(in_log).await.unwrap();
    drop(store);
    let store = open(dir.path(), by_hand()).await;
    assert_eq!(shown(&store.snapshot().await.unwrap()), model(&sampled().concat(), None));
    drop(store);
    let Some(new) = std::env::var_os(NEW_SAMPLE).map(PathBuf::from) else { return };
    copy_folder(dir.path(), &new);
    std::fs::remove_file(new.join("lock")).unwrap();
    // The first commit tells where the table was made.
    let first = new.join("tables/events/_delta_log/00000000000000000000.json");
    let said = std::fs::read_to_string(&first).unwrap();
    std::fs::write(&first, said.replace(dir.path().to_str().unwrap(), "/data")).unwrap();
}
