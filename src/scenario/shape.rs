//! Checks a tree against the schema: unknown and missing fields, wrong types, numbers out of range. It finds all
//! mistakes at once, and mends them as well as it can, so that later checks can go on.

use super::diagnose::{Diagnostic, Source, either, nearest};
use super::tree::{Kind, Node, Prop, step};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What a check of the shape gives.
pub(super) struct Shape<'a> {
    source: &'a Arc<Source>,
    root: &'a Value,
    /// All that is wrong.
    pub found: Vec<Diagnostic>,
}

impl<'a> Shape<'a> {
    /// Checks a whole file; returns it mended.
    pub fn check(source: &'a Arc<Source>, root: &'a Value, node: &Node) -> (Value, Vec<Diagnostic>) {
        let mut shape = Shape { source, root, found: Vec::new() };
        let mended = shape.value(node, root, "");
        (mended.unwrap_or_else(|| shape.instead(root)), shape.found)
    }

    fn wrong(&mut self, code: &'static str, node: &Node, pointer: &str, message: String) -> &mut Diagnostic {
        let mut diagnostic = Diagnostic::error(code, self.source, node.span.clone(), message);
        diagnostic.pointer = pointer.to_string();
        self.found.push(diagnostic);
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        match schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#')) {
            Some(pointer) => self.root.pointer(pointer).unwrap_or(&Value::Null),
            None => schema,
        }
    }

    /// The value, if it could be made sense of.
    fn value(&mut self, node: &Node, schema: &'a Value, pointer: &str) -> Option<Value> {
        let schema = self.resolve(schema);
        if let Some(branches) = schema.get("oneOf").and_then(Value::as_array) {
            return self.word_or_tag(node, branches, pointer);
        }
        if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
            return self.any_of(node, branches, pointer);
        }
        match (schema.get("type").and_then(Value::as_str), &node.kind) {
            (Some("object"), Kind::Object(props)) => Some(self.object(node, props, schema, pointer)),
            (Some("array"), Kind::List(items)) => Some(self.list(node, items, schema, pointer)),
            (Some("integer"), Kind::Int(value)) => self.integer(node, *value, schema, pointer),
            (Some("boolean"), Kind::Bool(value)) => Some(Value::Bool(*value)),
            (Some("string"), Kind::Text(text)) => match schema.get("enum").and_then(Value::as_array) {
                Some(words) => {
                    let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
                    self.word(node, text, &words, &[], pointer)
                }
                None => Some(Value::String(text.clone())),
            },
            _ => self.mismatch(node, &[schema], pointer),
        }
    }

    fn mismatch(&mut self, node: &Node, schemas: &[&'a Value], pointer: &str) -> Option<Value> {
        let mut expected: Vec<String> = schemas.iter().map(|schema| self.describe(schema)).collect();
        expected.dedup();
        let message = format!("expected {}, found {}", expected[0], node.found());
        let expected = expected.join(" or ");
        let diagnostic = self.wrong("S0105", node, pointer, message);
        diagnostic.label = format!("expected {expected}");
        if matches!(node.kind, Kind::Null) {
            diagnostic.help = Some("a field that isn't wanted is left out".to_string());
        }
        None
    }

    fn describe(&self, schema: &'a Value) -> String {
        let schema = self.resolve(schema);
        let keys = || self.required(schema).map(|key| format!("\"{key}\": ...")).collect::<Vec<_>>();
        match (schema.get("type").and_then(Value::as_str), schema.get("properties").and_then(Value::as_object)) {
            (Some("integer"), _) => match (bound(schema, "minimum"), bound(schema, "maximum")) {
                (Some(min), Some(max)) => format!("a whole number from {min} to {max}"),
                _ => "a whole number".to_string(),
            },
            (Some("object"), Some(map)) if map.len() <= 2 => format!("{{{}}}", keys().join(", ")),
            (Some("object"), _) => "an object".to_string(),
            (Some("array"), _) => "a list".to_string(),
            (Some("boolean"), _) => "`true` or `false`".to_string(),
            (Some("string"), _) => "a text".to_string(),
            _ => match schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array) {
                Some(branches) => branches.first().map_or_else(String::new, |first| self.describe(first)),
                None => "something else".to_string(),
            },
        }
    }

    fn integer(&mut self, node: &Node, value: i128, schema: &'a Value, pointer: &str) -> Option<Value> {
        let (least, most) = match schema.get("format").and_then(Value::as_str) {
            Some("int64") => (i64::MIN.into(), i64::MAX.into()),
            Some("uint32") => (0, u32::MAX.into()),
            _ => (0, u64::MAX.into()),
        };
        let (least, most): (i128, i128) =
            (bound(schema, "minimum").unwrap_or(least), bound(schema, "maximum").unwrap_or(most));
        if value < least || value > most {
            let message = format!("{value} is out of range: it must be from {least} to {most}");
            let near = if value < least { least } else { most };
            self.wrong("S0106", node, pointer, message).label = format!("the nearest possible is {near}");
            return None;
        }
        Some(if value < 0 { Value::from(value as i64) } else { Value::from(value as u64) })
    }

    fn list(&mut self, node: &Node, items: &[Node], schema: &'a Value, pointer: &str) -> Value {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0) as usize;
        if items.len() < least {
            self.wrong("S0111", node, pointer, "this list must not be empty".to_string()).label = "empty".to_string();
            return self.instead(schema);
        }
        let Some(of) = schema.get("items") else { return Value::Array(Vec::new()) };
        let mut values = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let value = self.value(item, of, &format!("{pointer}/{i}"));
            values.push(value.unwrap_or_else(|| self.instead(of)));
        }
        Value::Array(values)
    }

    fn object(&mut self, node: &Node, props: &[Prop], schema: &'a Value, pointer: &str) -> Value {
        let fields = schema.get("properties").and_then(Value::as_object);
        let rest = schema.get("additionalProperties").filter(|rest| rest.is_object());
        let mut mended = Map::new();
        for (i, prop) in props.iter().enumerate() {
            if let Some(first) = props[..i].iter().find(|other| other.key == prop.key) {
                self.duplicate(prop, first, pointer);
                continue;
            }
            let pointer = format!("{pointer}/{}", step(&prop.key));
            match fields.and_then(|fields| fields.get(&prop.key)).or(rest) {
                Some(field) => {
                    // What is mended to nothing is left out, as if it had not been said.
                    let required = self.required(schema).any(|name| name == prop.key);
                    match self.value(&prop.value, field, &pointer) {
                        Some(value) => mended.insert(prop.key.clone(), value),
                        None if required => mended.insert(prop.key.clone(), self.instead(field)),
                        None => None,
                    };
                }
                None => self.unknown(prop, props, fields, &pointer),
            }
        }
        let missing: Vec<&str> = self.required(schema).filter(|name| props.iter().all(|p| p.key != *name)).collect();
        for name in &missing {
            if let Some(field) = fields.and_then(|fields| fields.get(*name)) {
                mended.insert(name.to_string(), self.instead(field));
            }
        }
        if !missing.is_empty() {
            let what = if missing.len() == 1 { "field" } else { "fields" };
            let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
            let help = missing.first().and_then(|name| fields?.get(*name)?.get("description")?.as_str());
            let help = help.map(|help| format!("{}: {help}", names[0]));
            // The whole object would be too much to underline.
            let brace = Node { span: node.span.start..node.span.start + 1, kind: Kind::Null };
            let message = format!("missing {what} {}", names.join(", "));
            let diagnostic = self.wrong("S0104", &brace, &format!("{pointer}/{}", missing[0]), message);
            diagnostic.label = "in this object".to_string();
            diagnostic.help = help;
        }
        self.range(node, &mut mended, pointer);
        Value::Object(mended)
    }

    /// `{"min": .., "max": ..}` the wrong way round.
    fn range(&mut self, node: &Node, mended: &mut Map<String, Value>, pointer: &str) {
        let (Some(min), Some(max)) = (mended.get("min"), mended.get("max")) else { return };
        if let (Some(low), Some(high)) = (min.as_u64(), max.as_u64())
            && low > high
        {
            mended.insert("max".to_string(), Value::from(low));
            let message = format!("nothing lies between {low} and {high}");
            self.wrong("S0210", node, pointer, message).label = "`min` is greater than `max`".to_string();
        }
    }

    fn required(&self, schema: &'a Value) -> impl Iterator<Item = &'a str> + use<'a> {
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    fn duplicate(&mut self, prop: &Prop, first: &Prop, pointer: &str) {
        let node = Node { span: prop.key_span.clone(), kind: Kind::Null };
        let message = format!("field `{}` is there twice", shortened(&prop.key));
        let diagnostic = self.wrong("S0108", &node, &format!("{pointer}/{}", step(&prop.key)), message);
        diagnostic.label = "again".to_string();
        diagnostic.other = Some((first.key_span.clone(), "first here".to_string()));
    }

    fn unknown(&mut self, prop: &Prop, props: &[Prop], fields: Option<&'a Map<String, Value>>, pointer: &str) {
        let free = fields.into_iter().flat_map(Map::keys).map(String::as_str);
        let free: Vec<&str> = free.filter(|name| props.iter().all(|p| p.key != *name)).collect();
        let node = Node { span: prop.key_span.clone(), kind: Kind::Null };
        let near = nearest(&prop.key, free.iter().copied());
        let diagnostic = self.wrong("S0103", &node, pointer, format!("unknown field `{}`", shortened(&prop.key)));
        diagnostic.label = match free.as_slice() {
            [] => "nothing more is expected here".to_string(),
            _ => format!("expected {}", either(&free)),
        };
        if let Some(near) = near {
            diagnostic.help = Some("a field with a similar name exists".to_string());
            diagnostic.replacement = Some((prop.key_span.clone(), format!("\"{near}\"")));
        }
    }

    /// A word of a closed list; `tags` are words that want an object.
    fn word(&mut self, node: &Node, text: &str, words: &[&str], tags: &[&str], pointer: &str) -> Option<Value> {
        if words.contains(&text) {
            return Some(Value::String(text.to_string()));
        }
        let all: Vec<&str> = words.iter().chain(tags).copied().collect();
        if tags.contains(&text) {
            let message = format!("`{text}` needs settings");
            let diagnostic = self.wrong("S0112", node, pointer, message);
            diagnostic.label = format!("write {{\"{text}\": ...}}");
            return None;
        }
        if let [only] = words
            && only.starts_with("cutline-scenario/")
            && tags.is_empty()
        {
            let message = format!("format `{}` is not supported", shortened(text));
            self.wrong("S0110", node, pointer, message).label = format!("this version reads `{only}`");
            return None;
        }
        let near = nearest(text, all.iter().copied());
        let diagnostic = self.wrong("S0107", node, pointer, format!("unknown word `{}`", shortened(text)));
        diagnostic.label = format!("expected {}", either(&all));
        if let Some(near) = near {
            let new = if words.contains(&near) { format!("\"{near}\"") } else { format!("{{\"{near}\": ...}}") };
            diagnostic.help = Some("a similar word exists".to_string());
            diagnostic.replacement = Some((node.span.clone(), new));
        }
        None
    }

    /// An enum: a word, or an object whose only key says which it is.
    fn word_or_tag(&mut self, node: &Node, branches: &'a [Value], pointer: &str) -> Option<Value> {
        let mut words = Vec::new();
        let mut tags: Vec<(&str, &Value)> = Vec::new();
        for branch in branches {
            words.extend(branch.get("const").and_then(Value::as_str));
            words.extend(branch.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str));
            tags.extend(
                branch.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(k, v)| (k.as_str(), v)),
            );
        }
        let names: Vec<&str> = tags.iter().map(|(name, _)| *name).collect();
        match &node.kind {
            Kind::Text(text) => self.word(node, text, &words, &names, pointer),
            Kind::Object(props) if !tags.is_empty() => {
                let [prop] = props.as_slice() else {
                    let message = format!("expected an object with one key, found one with {}", props.len());
                    self.wrong("S0112", node, pointer, message).label = format!("expected {}", either(&names));
                    return None;
                };
                let Some((_, below)) = tags.iter().find(|(name, _)| *name == prop.key) else {
                    let key = Node { span: prop.key_span.clone(), kind: Kind::Null };
                    if words.contains(&prop.key.as_str()) {
                        let message = format!("`{}` has no settings", prop.key);
                        let diagnostic = self.wrong("S0112", node, pointer, message);
                        diagnostic.label = format!("write \"{}\"", prop.key);
                    } else {
                        self.word(&key, &prop.key, &[], &names, pointer);
                    }
                    return None;
                };
                let below = self.value(&prop.value, below, &format!("{pointer}/{}", step(&prop.key)))?;
                Some(Value::Object(Map::from_iter([(prop.key.clone(), below)])))
            }
            _ if tags.is_empty() => {
                let message = format!("expected {}, found {}", either(&words), node.found());
                self.wrong("S0105", node, pointer, message).label = format!("expected {}", either(&words));
                None
            }
            _ => {
                let all: Vec<&str> = words.iter().chain(&names).copied().collect();
                let message = format!("expected {}, found {}", either(&all), node.found());
                self.wrong("S0105", node, pointer, message).label = format!("expected {}", either(&all));
                None
            }
        }
    }

    /// One of several forms: the one that looks most like what is there.
    fn any_of(&mut self, node: &Node, branches: &'a [Value], pointer: &str) -> Option<Value> {
        let branches: Vec<&Value> = branches.iter().map(|branch| self.resolve(branch)).collect();
        let score = |branch: &Value| -> usize {
            let kind = branch.get("type").and_then(Value::as_str);
            let words = kind == Some("string") || branch.get("oneOf").is_some();
            match &node.kind {
                Kind::Object(props) => match branch.get("properties").and_then(Value::as_object) {
                    Some(fields) => 1 + props.iter().filter(|prop| fields.contains_key(&prop.key)).count(),
                    None => 0,
                },
                Kind::Int(_) => usize::from(kind == Some("integer")),
                Kind::Bool(_) => usize::from(kind == Some("boolean")),
                Kind::Text(_) => usize::from(words),
                _ => 0,
            }
        };
        let best = branches.iter().rev().max_by_key(|branch| score(branch)).copied();
        match best.filter(|branch| score(branch) > 0) {
            Some(branch) => self.value(node, branch, pointer),
            None => self.mismatch(node, &branches, pointer),
        }
    }

    /// Something that fits, in place of what doesn't.
    fn instead(&self, schema: &'a Value) -> Value {
        let schema = self.resolve(schema);
        if let Some(default) = schema.get("default") {
            return default.clone();
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(first) = schema.get(key).and_then(Value::as_array).and_then(|branches| branches.first()) {
                return self.instead(first);
            }
        }
        if let Some(word) = schema.get("const").or_else(|| schema.get("enum")?.get(0)) {
            return word.clone();
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("integer") => schema.get("minimum").cloned().unwrap_or(Value::from(1)),
            Some("boolean") => Value::Bool(false),
            Some("array") => {
                let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
                let item = schema.get("items").map_or(Value::Null, |items| self.instead(items));
                Value::Array(vec![item; least as usize])
            }
            Some("object") => {
                let fields = self
                    .required(schema)
                    .filter_map(|name| Some((name.to_string(), self.instead(schema.get("properties")?.get(name)?))));
                Value::Object(fields.collect())
            }
            _ => Value::String(String::new()),
        }
    }
}

fn bound(schema: &Value, key: &str) -> Option<i128> {
    let value = schema.get(key)?;
    value.as_u64().map(i128::from).or(value.as_i64().map(i128::from))
}

/// A name that may be a megabyte long, for a message.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_string(),
    }
}
