//! The JSON Schema of a scenario file, derived from the types: for editors, and for our own checks.

use super::spec::Scenario;
use serde_json::Value;
use std::sync::OnceLock;

/// The JSON Schema of a scenario file.
pub fn schema() -> Value {
    shared().clone()
}

/// The same, made once.
pub(super) fn shared() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let mut schema = schemars::schema_for!(Scenario).to_value();
        tidy(&mut schema);
        schema
    })
}

/// Takes out `null`, which no field takes (one that isn't wanted is left out), and line breaks in descriptions.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|t| t != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_string(), only);
                }
            }
            if let Some(Value::Array(branches)) = map.get_mut("anyOf") {
                let before = branches.len();
                branches.retain(|branch| branch.get("type").is_none_or(|t| t != "null"));
                if before > branches.len()
                    && let [Value::Object(only)] = branches.as_slice()
                {
                    let only = only.clone();
                    map.remove("anyOf");
                    map.extend(only.into_iter().filter(|(key, _)| key != "description"));
                }
            }
            if map.get("default").is_some_and(Value::is_null) {
                map.remove("default");
            }
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
