//! Texts that people give: cleaned, bounded, and searched whatever the case.

use whodid_model::limits;

use super::invalid;
use super::segments::Segment;
use crate::InsightError;

/// Text in which case makes no difference.
pub(super) fn fold(text: &str) -> String {
    text.to_lowercase()
}

pub(super) fn search_text(segment: &Segment) -> String {
    fold(&format!("{}\n{}\n{}", segment.name, segment.description, segment.tags.join("\n")))
}

/// A `LIKE` pattern (with `\` as its escape) for texts that hold `part`.
pub(super) fn contains_pattern(part: &str) -> String {
    let mut pattern = String::from("%");
    for c in part.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

pub(super) fn tags_json(tags: &[String]) -> String {
    serde_json::Value::from(tags).to_string()
}

pub(crate) fn clean_description(description: String) -> Result<String, InsightError> {
    if description.len() > limits::DESCRIPTION_BYTES {
        let message = format!("the description is longer than {} bytes", limits::DESCRIPTION_BYTES);
        return Err(invalid(Some("/description"), message, "shorten it"));
    }
    if description.contains('\0') {
        return Err(invalid(Some("/description"), "the description holds a NUL character", "take it out"));
    }
    Ok(description)
}

/// Without surrounding blanks and repetitions, in the order given.
pub(crate) fn clean_tags(tags: Vec<String>) -> Result<Vec<String>, InsightError> {
    let mut clean: Vec<String> = Vec::new();
    for (index, tag) in tags.iter().enumerate() {
        let tag = tag.trim();
        if tag.is_empty() || tag.chars().count() > limits::TAG_CHARS || tag.chars().any(char::is_control) {
            return Err(invalid(
                Some(&format!("/tags/{index}")),
                "the tag is empty, too long or holds a control character",
                format!("write 1 to {} visible characters", limits::TAG_CHARS),
            ));
        }
        if !clean.iter().any(|seen| seen == tag) {
            clean.push(tag.to_string());
        }
    }
    if clean.len() > limits::TAGS {
        let message = format!("{} tags are more than the limit of {}", clean.len(), limits::TAGS);
        return Err(invalid(Some("/tags"), message, "keep those that people search for"));
    }
    Ok(clean)
}
