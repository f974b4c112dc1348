//! Files of settings: where they are, and what is wrong with them.

use super::keys::{KEYS, Key, PREFERENCES, Shape};
use super::{Setting, Settings, Wrong, refused, variable};
use crate::scenario::Diagnostic;
use crate::scenario::diagnose::{Source, either, nearest};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The names, in the order in which they are looked for.
const NAMES: [&str; 2] = ["cutline.toml", ".config/cutline.toml"];

/// The nearest file of settings: here, or further up, not beyond the root of the repository.
pub fn discover() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let mut up = PathBuf::new();
    for dir in here.ancestors() {
        if let Some(found) = NAMES.iter().map(|name| up.join(name)).find(|path| path.is_file()) {
            return Some(found);
        }
        if dir.join(".git").exists() {
            return None;
        }
        up.push("..");
    }
    None
}

/// What a person prefers to see, from a file of his own.
pub fn preferences() -> Result<Settings, Wrong> {
    let config = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".config")));
    let Some(path) = config.map(|dir| dir.join("cutline/preferences.toml")).filter(|path| path.is_file()) else {
        return Ok(Settings::new());
    };
    let source = source(&path)?;
    let mut reader = Reader::new(&source, &path);
    if let Some(table) = reader.table() {
        for (name, value) in table.get_ref().iter() {
            match PREFERENCES.contains(&&**name.get_ref()) {
                true => reader.setting(name, value, String::new()),
                false => {
                    let message = format!("`{}` is no preference", name.get_ref());
                    let label = format!("expected {}", either(&PREFERENCES));
                    reader.wrong.push(Diagnostic::error("C0107", &source, name.span(), message).label(label));
                }
            }
        }
    }
    reader.finish()
}

/// What a file says, with a profile.
pub fn read(path: &Path, profile: Option<&str>) -> Result<Settings, Wrong> {
    let source = source(path)?;
    let mut reader = Reader::new(&source, path);
    let Some(table) = reader.table() else { return reader.finish() };
    let mut profiles = Vec::new();
    for (name, value) in table.get_ref().iter() {
        match (&**name.get_ref(), value.get_ref()) {
            ("default", DeValue::Table(settings)) => reader.settings(settings, "[default]", true),
            ("profile", DeValue::Table(all)) => profiles.extend(all.iter()),
            ("default" | "profile", other) => reader.mistyped(value, "a table", other),
            (other, _) => reader.unknown(other, name, &["default", "profile"]),
        }
    }
    // The profile comes last, wherever it stands: it replaces.
    profiles.sort_by_key(|(name, _)| Some(&**name.get_ref()) == profile);
    for (name, value) in &profiles {
        match value.get_ref() {
            DeValue::Table(settings) => {
                let title = format!("[profile.{}]", name.get_ref());
                reader.settings(settings, &title, Some(&**name.get_ref()) == profile);
            }
            other => reader.mistyped(value, "a table", other),
        }
    }
    let names: Vec<&str> = profiles.iter().map(|(name, _)| &**name.get_ref()).collect();
    if let Some(profile) = profile.filter(|profile| !names.contains(profile)) {
        let near = nearest(profile, names.iter().copied());
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there is {}", either(&names)),
        };
        reader
            .wrong
            .push(Diagnostic::error("C0106", &source, 0..0, format!("no profile is called `{profile}`")).help(hint));
    }
    reader.finish()
}

fn source(path: &Path) -> Result<Arc<Source>, Wrong> {
    let shown = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Arc::new(Source { path: shown, text })),
        Err(error) => Err(Wrong::Plain(format!("cannot read {shown}: {error}"))),
    }
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    /// Paths are relative to this directory.
    dir: &'a Path,
    settings: Settings,
    wrong: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a Arc<Source>, path: &'a Path) -> Self {
        Reader { source, dir: path.parent().unwrap_or(Path::new("")), settings: Settings::new(), wrong: Vec::new() }
    }

    /// The file, if it is TOML.
    fn table(&mut self) -> Option<Spanned<DeTable<'a>>> {
        let (table, errors) = DeTable::parse_recoverable(&self.source.text);
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            let span = span.start..span.end.max(span.start + 1);
            let message = error.message().lines().next().unwrap_or_default().to_string();
            let found = Diagnostic::error("C0102", self.source, span, message).label("here the text stops being TOML");
            self.wrong.push(found);
        }
        errors.is_empty().then_some(table)
    }

    fn finish(mut self) -> Result<Settings, Wrong> {
        self.wrong.sort_by_key(|found| found.span.start);
        if self.wrong.is_empty() { Ok(self.settings) } else { Err(Wrong::File(self.wrong)) }
    }

    /// All of a table; those that aren't `meant` are only checked.
    fn settings(&mut self, table: &DeTable<'a>, title: &str, meant: bool) {
        let before = self.settings.clone();
        table.iter().for_each(|(name, value)| self.setting(name, value, format!(" {title}")));
        if !meant {
            self.settings = before;
        }
    }

    fn setting(&mut self, name: &Spanned<std::borrow::Cow<'a, str>>, value: &Spanned<DeValue<'a>>, title: String) {
        let word = &**name.get_ref();
        let Some(key) = KEYS.iter().find(|key| key.name == word) else {
            let known: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
            return self.unknown(word, name, &known);
        };
        let Some(values) = self.values(key, value) else { return };
        for (value, span) in &values {
            if let Some(problem) = refused(key, value) {
                let message = format!("`{value}` is no value of `{word}`");
                let found = Diagnostic::error("C0105", self.source, span.clone(), message).label(problem);
                self.wrong.push(found);
            }
        }
        let (line, column) = self.source.place(name.span().start);
        let origin = format!("{}:{line}:{column}{title}", self.source.path);
        let values = values.into_iter().map(|(value, _)| value).collect();
        self.settings.insert(key.name, Setting { key, values, origin });
    }

    /// What would have been typed, with its places; none: it is of the wrong type.
    fn values(&mut self, key: &Key, value: &Spanned<DeValue<'a>>) -> Option<Vec<(String, std::ops::Range<usize>)>> {
        let one = |value: &Spanned<DeValue>, text: String| Some(vec![(text, value.span())]);
        match (key.shape, value.get_ref()) {
            (Shape::Text, DeValue::String(text)) => one(value, text.to_string()),
            (Shape::Text, DeValue::Integer(number)) => one(value, number.to_string()),
            (Shape::Flag, DeValue::Boolean(set)) => one(value, set.to_string()),
            (Shape::Path, DeValue::String(text)) => one(value, self.path(text)),
            (Shape::Paths | Shape::Reports, DeValue::Array(list)) => {
                let mut all = Vec::new();
                for item in list.iter() {
                    let DeValue::String(text) = item.get_ref() else {
                        self.mistyped(item, "a text", item.get_ref());
                        return None;
                    };
                    let text = match (key.shape, text.split_once('=')) {
                        (Shape::Reports, Some((kind, path))) => format!("{kind}={}", self.path(path)),
                        (Shape::Reports, None) => text.to_string(),
                        _ => self.path(text),
                    };
                    all.push((text, item.span()));
                }
                Some(all)
            }
            (shape, found) => {
                let wanted = match shape {
                    Shape::Text => "a text or a number",
                    Shape::Flag => "true or false",
                    Shape::Path => "a path",
                    Shape::Paths => "a list of paths",
                    Shape::Reports => "a list of FORMAT=PATH",
                };
                self.mistyped(value, wanted, found);
                None
            }
        }
    }

    /// A path in the file, as seen from here.
    fn path(&self, text: &str) -> String {
        if text == "-" { text.to_string() } else { self.dir.join(text).display().to_string() }
    }

    fn mistyped(&mut self, at: &Spanned<DeValue>, wanted: &str, found: &DeValue) {
        let found = match found {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let message = format!("{found} where {wanted} is wanted");
        self.wrong
            .push(Diagnostic::error("C0104", self.source, at.span(), message).label(format!("expected {wanted}")));
    }

    fn unknown(&mut self, word: &str, at: &Spanned<std::borrow::Cow<'a, str>>, known: &[&str]) {
        let mut found = Diagnostic::error("C0103", self.source, at.span(), format!("unknown setting `{word}`"));
        found = match nearest(word, known.iter().copied()) {
            Some(near) => {
                found.replacement = Some((at.span(), near.to_string()));
                found.label("this isn't known").help("a setting with a similar name exists")
            }
            None => found.label(format!("expected one of {}", either(known))),
        };
        self.wrong.push(found);
    }
}
