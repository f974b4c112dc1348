//! A JSON text as a tree that knows where everything stands. Strict JSON: no comments, no trailing commas.

use super::diagnose::{Diagnostic, Source};
use jsonc_parser::{CollectOptions, ParseOptions, ast, parse_to_ast};
use std::ops::Range;
use std::sync::Arc;

/// How deep a scenario may be nested. Real ones need eight levels.
const DEEPEST: usize = 64;

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub span: Range<usize>,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    /// A number that is whole and not absurdly large.
    Int(i128),
    /// Any other number.
    Number,
    Text(String),
    List(Vec<Node>),
    Object(Vec<Prop>),
}

#[derive(Clone, Debug)]
pub(super) struct Prop {
    pub key: String,
    pub key_span: Range<usize>,
    pub value: Node,
}

impl Node {
    /// What it is, for a sentence such as "expected a list, found ...".
    pub fn found(&self) -> String {
        match &self.kind {
            Kind::Null => "`null`".to_string(),
            Kind::Bool(value) => format!("`{value}`"),
            Kind::Int(value) => format!("`{value}`"),
            Kind::Number => "a number that isn't whole".to_string(),
            Kind::Text(text) if text.chars().count() <= 40 => format!("{text:?}"),
            Kind::Text(_) => "a long text".to_string(),
            Kind::List(_) => "a list".to_string(),
            Kind::Object(_) => "an object".to_string(),
        }
    }

    /// The value at a pointer such as `/job/vertices/0`; as near to it as can be, where there is none.
    pub fn nearest(&self, pointer: &str) -> (Option<&Prop>, &Node) {
        let (mut prop, mut node) = (None, self);
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let below = match &node.kind {
                Kind::List(items) => step.parse().ok().and_then(|i: usize| items.get(i)).map(|item| (None, item)),
                Kind::Object(props) => props.iter().find(|p| p.key == step).map(|p| (Some(p), &p.value)),
                _ => None,
            };
            let Some(below) = below else { break };
            (prop, node) = below;
        }
        (prop, node)
    }
}

/// A key as a step of a JSON pointer.
pub(super) fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Reads a text.
pub(super) fn parse(source: &Arc<Source>) -> Result<Node, Box<Diagnostic>> {
    let text = &source.text;
    let wrong = |span: Range<usize>, message: String| {
        Box::new(Diagnostic::error("S0102", source, span, message).label("here the text stops being JSON"))
    };
    if text.starts_with('\u{feff}') {
        return Err(wrong(0..3, "the file begins with a byte order mark".to_string()));
    }
    if let Some(at) = too_deep(text) {
        let message = format!("nested more than {DEEPEST} levels deep");
        return Err(Box::new(Diagnostic::error("S0109", source, at..at + 1, message).label("one level too many")));
    }
    let strict = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &strict).map_err(|error| {
        let range = error.range();
        let mut message = error.kind().to_string();
        if let Some(first) = message.get(..1) {
            message = first.to_lowercase() + &message[1..];
        }
        // An unfinished value is reported with all of its text; its beginning says enough.
        let end = if range.end - range.start > 60 { range.start + 1 } else { range.end.max(range.start + 1) };
        wrong(range.start..end, message)
    })?;
    // Where that parser is more lenient than the standard, this one isn't.
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let line_start = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
        let at = line_start + error.column().saturating_sub(1);
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or("not JSON").to_string();
        return Err(wrong(at..at + 1, message));
    }
    parsed.value.map(node).ok_or_else(|| wrong(0..text.len().min(1), "the file is empty".to_string()))
}

/// Where brackets are nested too deeply. Both parsers below recurse.
fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth -= i32::from(depth > 0),
            _ => {}
        }
        if depth as usize > DEEPEST {
            return Some(at);
        }
    }
    None
}

fn node(value: ast::Value) -> Node {
    use jsonc_parser::common::Ranged;
    let range = value.range();
    let kind = match value {
        ast::Value::NullKeyword(_) => Kind::Null,
        ast::Value::BooleanLit(lit) => Kind::Bool(lit.value),
        ast::Value::NumberLit(lit) => lit.value.parse().map_or(Kind::Number, Kind::Int),
        ast::Value::StringLit(lit) => Kind::Text(lit.value.into_owned()),
        ast::Value::Array(array) => Kind::List(array.elements.into_iter().map(node).collect()),
        ast::Value::Object(object) => Kind::Object(object.properties.into_iter().map(prop).collect()),
    };
    Node { span: range.start..range.end, kind }
}

fn prop(prop: ast::ObjectProp) -> Prop {
    use jsonc_parser::common::Ranged;
    let range = prop.name.range();
    Prop { key: prop.name.into_string(), key_span: range.start..range.end, value: node(prop.value) }
}
