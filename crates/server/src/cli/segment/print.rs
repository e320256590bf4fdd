//! Answers about segments for people.

use serde_json::Value;

use super::text;
use crate::cli::table::{grouped, table};

pub(super) fn preview(answer: &Value) {
    let attributes = &answer["data"]["attributes"];
    println!("{}\n", text(&attributes["echo"]));
    let (count, population) = (number(&attributes["count"]), number(&attributes["population"]));
    println!("{} of {}, as of {}", grouped(count), grouped(population), text(&answer["meta"]["as_of"]));
    let clauses = attributes["clauses"].as_array().cloned().unwrap_or_default();
    if clauses.len() > 1 {
        let mut rows = vec![vec!["clause".to_string(), "alone".to_string()]];
        rows.extend(
            clauses.iter().map(|clause| vec![text(&clause["pointer"]), grouped(number(&clause["count"]))]),
        );
        print!("\n{}", table(&rows));
    }
    let sample: Vec<String> = attributes["sample"].as_array().into_iter().flatten().map(text).collect();
    if !sample.is_empty() {
        println!("\nsuch as {}", sample.join(", "));
    }
    for warning in attributes["warnings"].as_array().into_iter().flatten() {
        eprintln!("note: {}: {}", text(&warning["pointer"]), text(&warning["message"]));
    }
}

pub(super) fn list(answer: &Value) {
    let mut rows =
        vec![["id", "name", "entity", "size", "version", "description"].map(String::from).to_vec()];
    for segment in answer["data"].as_array().into_iter().flatten() {
        let attributes = &segment["attributes"];
        rows.push(vec![
            text(&segment["id"]),
            text(&attributes["name"]),
            text(&attributes["entity"]),
            grouped(number(&attributes["size"])),
            number(&attributes["version"]).to_string(),
            text(&attributes["description"]),
        ]);
    }
    print!("{}", table(&rows));
}

pub(super) fn segment(segment: &Value) {
    let attributes = &segment["attributes"];
    println!("{} ({}, version {})", text(&attributes["name"]), text(&segment["id"]), attributes["version"]);
    if !text(&attributes["description"]).is_empty() {
        println!("{}", text(&attributes["description"]));
    }
    println!("\n{}\n", text(&attributes["echo"]));
    if let Some(size) = attributes["size"].as_u64() {
        println!("{} members as of {}\n", grouped(size), text(&attributes["size_as_of"]));
    }
    if attributes["definition"].is_object() {
        println!("{:#}", attributes["definition"]);
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

pub(super) fn ids(members: &Value) {
    for member in members.as_array().into_iter().flatten() {
        println!("{}", text(&member["id"]));
    }
}

pub(super) fn why(answer: &Value) {
    let attributes = &answer["data"]["attributes"];
    let verdict = if attributes["member"] == true { "is in it" } else { "is not in it" };
    println!("{} {verdict}, as of {}", text(&answer["data"]["id"]), text(&answer["meta"]["as_of"]));
    match (attributes["leaves_at"].as_str(), attributes["stays_until"].as_str()) {
        (Some(instant), _) => println!("and would leave at {instant} if nothing more happened"),
        (None, Some(instant)) => println!("and would stay at least until {instant} if nothing more happened"),
        (None, None) => {}
    }
    for leaf in attributes["leaves"].as_array().into_iter().flatten() {
        let holds = if leaf["holds"] == true { "holds" } else { "does not hold" };
        let bound = match leaf["bound"]["op"].as_str() {
            Some(op) => format!(", has to be {op} {}", leaf["bound"]["value"]),
            None => String::new(),
        };
        println!("\n{} {holds}: observed {}{bound}", text(&leaf["pointer"]), leaf["observed"]);
        let witnesses = leaf["witnesses"].as_array().into_iter().flatten();
        witnesses.for_each(|event| println!("  {}", event_words(event)));
        miss(&leaf["nearest_miss"]);
    }
}

fn miss(miss: &Value) {
    for (name, words) in [("short_by", "short by"), ("over_by", "over by")] {
        if miss[name].is_number() {
            println!("  {words} {}", miss[name]);
        }
    }
    for event in miss["done"].as_array().into_iter().flatten() {
        println!("  done: {}", event_words(event));
    }
    let Some(reason) = miss["reason"].as_str() else { return };
    let step = miss["step"].as_u64().map_or(String::new(), |step| format!("step {step} "));
    let words = match reason {
        "never" => "never happened",
        "broken" => "happened and broke it",
        "too_late" => "came too late",
        "other_session" => "happened in another session",
        "outside_window" => "happened outside of the window",
        _ => "the steps did not happen together",
    };
    let event = &miss["event"];
    let event = if event.is_object() { format!(": {}", event_words(event)) } else { String::new() };
    println!("  {step}{words}{event}");
}

fn event_words(event: &Value) -> String {
    let (kind, id, ts) = (text(&event["type"]), text(&event["event_id"]), text(&event["ts"]));
    format!("{ts}  step {}  {kind} {id}", event["step"])
}

pub(super) fn history(answer: &Value) {
    let mut rows = vec![["at", "size", "joined", "left"].map(String::from).to_vec()];
    let count = |count: &Value| count.as_u64().map_or(String::new(), grouped);
    for point in answer["data"]["attributes"]["points"].as_array().into_iter().flatten() {
        let [size, joined, left] = ["size", "joined", "left"].map(|name| count(&point[name]));
        rows.push(vec![text(&point["at"]), size, joined, left]);
    }
    print!("{}", table(&rows));
}

pub(super) fn diff(answer: &Value) {
    let attributes = &answer["data"]["attributes"];
    for (name, words) in [("before", "before"), ("after", "after")] {
        let side = &attributes[name];
        let version = side["definition_version"].as_i64();
        let version = version.map_or("not saved".to_string(), |version| format!("version {version}"));
        println!("{words}: {} at {} ({version})", grouped(number(&side["size"])), text(&side["at"]));
    }
    for name in ["joined", "left", "stayed"] {
        let group = &attributes[name];
        let ids: Vec<String> = group["ids"].as_array().into_iter().flatten().map(text).collect();
        let such_as = if ids.is_empty() { String::new() } else { format!(", such as {}", ids.join(", ")) };
        println!("{name}: {}{such_as}", grouped(number(&group["count"])));
    }
}

pub(super) fn comparison(answer: &Value) {
    let attributes = &answer["data"]["attributes"];
    let segments = attributes["segments"].as_array().cloned().unwrap_or_default();
    let name = |id: &Value| {
        let found = segments.iter().find(|segment| segment["id"] == *id);
        found.map_or(String::new(), |segment| text(&segment["name"]))
    };
    let mut rows = vec![["segment", "size"].map(String::from).to_vec()];
    rows.extend(segments.iter().map(|one| vec![text(&one["name"]), grouped(number(&one["size"]))]));
    println!("{}", table(&rows));
    let mut rows = vec![["both of", "and", "members", "of either", "overlap"].map(String::from).to_vec()];
    for pair in attributes["pairs"].as_array().into_iter().flatten() {
        let overlap =
            pair["jaccard"].as_f64().map_or(String::new(), |jaccard| format!("{:.1} %", 100.0 * jaccard));
        rows.push(vec![
            name(&pair["segment_ids"][0]),
            name(&pair["segment_ids"][1]),
            grouped(number(&pair["intersection"])),
            grouped(number(&pair["union"])),
            overlap,
        ]);
    }
    print!("{}", table(&rows));
    let regions = attributes["regions"].as_array().cloned().unwrap_or_default();
    let mut rows = vec![["only in", "members"].map(String::from).to_vec()];
    for region in &regions {
        let names: Vec<String> = region["segment_ids"].as_array().into_iter().flatten().map(name).collect();
        rows.push(vec![names.join(" + "), grouped(number(&region["count"]))]);
    }
    if !regions.is_empty() {
        print!("\n{}", table(&rows));
    }
}

pub(super) fn plan(answer: &Value) {
    let attributes = &answer["data"]["attributes"];
    let mut rows = vec![["", "segment", "before", "after", "joined", "left", ""].map(String::from).to_vec()];
    for change in attributes["changes"].as_array().into_iter().flatten() {
        let changed: Vec<String> = change["changed"].as_array().into_iter().flatten().map(text).collect();
        let members =
            ["before", "after", "joined", "left"].map(|name| grouped(number(&change["members"][name])));
        let mut row = vec![text(&change["action"]), text(&change["name"])];
        row.extend(members);
        row.push(changed.join(", "));
        rows.push(row);
    }
    print!("{}", table(&rows));
    if attributes["dry_run"] == true {
        println!("\nnothing has been done: this was a dry run");
    }
}
