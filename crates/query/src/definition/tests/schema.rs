//! The published schema against the reader: what the reader takes the schema takes, and it refuses what has the wrong
//! shape. The checker knows the few words that the schema uses; an unknown word fails.

use super::*;

pub(super) fn accepts(json: &Value) -> bool {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    valid(&schema, &schema, json)
}

fn valid(root: &Value, schema: &Value, json: &Value) -> bool {
    let words = schema.as_object().unwrap();
    let has = |names: &Value| {
        names.as_array().unwrap().iter().all(|name| json.get(name.as_str().unwrap()).is_some())
    };
    let size = json.as_object().map_or(0, serde_json::Map::len) as u64;
    let items = json.as_array().map(Vec::as_slice).unwrap_or_default();
    words.iter().all(|(word, value)| match word.as_str() {
        "$schema" | "title" | "description" | "default" | "$defs" => true,
        "$ref" => {
            let pointer = value.as_str().unwrap().trim_start_matches('#');
            valid(root, root.pointer(pointer).unwrap(), json)
        }
        "type" => match value {
            Value::Array(types) => types.iter().any(|name| is_a(name, json)),
            name => is_a(name, json),
        },
        "enum" => value.as_array().unwrap().contains(json),
        "required" => has(value),
        "not" => !valid(root, value, json),
        "anyOf" => value.as_array().unwrap().iter().any(|one| valid(root, one, json)),
        "minProperties" => size >= value.as_u64().unwrap(),
        "maxProperties" => size <= value.as_u64().unwrap(),
        "minItems" => items.len() as u64 >= value.as_u64().unwrap(),
        "maxItems" => items.len() as u64 <= value.as_u64().unwrap(),
        "minLength" => json.as_str().unwrap_or_default().chars().count() as u64 >= value.as_u64().unwrap(),
        "maxLength" => json.as_str().unwrap_or_default().chars().count() as u64 <= value.as_u64().unwrap(),
        "minimum" => json.as_f64() >= value.as_f64(),
        "items" => items.iter().all(|item| valid(root, value, item)),
        "properties" => value
            .as_object()
            .unwrap()
            .iter()
            .all(|(name, schema)| json.get(name).is_none_or(|member| valid(root, schema, member))),
        "additionalProperties" => {
            let known = words["properties"].as_object().unwrap();
            json.as_object().is_none_or(|members| members.keys().all(|name| known.contains_key(name)))
        }
        // The one pattern is that of durations.
        "pattern" => json.as_str().is_none_or(|text| text.parse::<Span>().is_ok()),
        unknown => panic!("the checker does not know `{unknown}`"),
    })
}

fn is_a(name: &Value, json: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => json.is_object(),
        "array" => json.is_array(),
        "string" => json.is_string(),
        "boolean" => json.is_boolean(),
        "number" => json.is_number(),
        "integer" => json.is_i64() || json.is_u64() || json.as_f64().is_some_and(|n| n.fract() == 0.0),
        other => panic!("the checker does not know the type `{other}`"),
    }
}

#[test]
fn the_schema_refuses_what_has_the_wrong_shape() {
    let step = json!([{"event": "*"}]);
    for json in [
        json!(7),
        json!({"entity": "user"}),
        json!({"entity": "session", "where": {"all": []}}),
        json!({"entity": "user", "where": {"all": []}, "when": "now"}),
        user(json!({})),
        user(json!({"all": [], "any": []})),
        user(json!({"some": []})),
        user(json!({"all": {}})),
        user(json!({"segment": 7})),
        performed(json!([]), json!({})),
        performed(json!([{}]), json!({})),
        performed(json!([{"event": "*", "often": 1}]), json!({})),
        performed(step.clone(), json!({"order": "some"})),
        performed(step.clone(), json!({"times": {"op": "!=", "value": 1}})),
        performed(step.clone(), json!({"times": {"op": ">", "value": -1}})),
        performed(
            step.clone(),
            json!({"times": {"op": ">", "value": 1}, "measure": {
            "aggregation": "sum", "facet": "@price", "op": ">", "value": 1}}),
        ),
        performed(
            step.clone(),
            json!({"measure": {"aggregation": "median", "facet": "@p", "op": ">", "value": 1}}),
        ),
        during(json!({})),
        during(json!({"last": "7 days"})),
        during(json!({"last": "7d", "from": "2026-11-01"})),
        during(json!({"calendar": "today", "week_start": "someday"})),
    ] {
        assert!(!accepts(&json), "{json}");
        assert!(Definition::from_json(&json).is_err(), "{json}");
    }
}
