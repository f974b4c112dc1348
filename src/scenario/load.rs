//! A scenario file in memory, checked, with the texts that it names, so that ten thousand seeds read them once.

use super::check::Check;
use super::diagnose::{Diagnostic, Severity, Source, nearest};
use super::schema;
use super::shape::{Shape, shortened};
use super::spec::*;
use super::token;
use super::tree::{self, Node};
use crate::lines::Fields;
use crate::topology::Topology;
use crate::world::setup::{FileLog, Line, Log};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The lines of a text.
pub type Lines = Arc<[Line]>;

/// So large may a scenario file be.
const FILE_BYTES: u64 = 4 << 20;
/// So large may a text be.
const TEXT_BYTES: u64 = 64 << 20;

/// A scenario with everything that it takes to build its plans.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario, with its name filled in.
    pub scenario: Scenario,
    /// What it is called.
    pub name: String,
    /// The texts, by the names that the scenario has for them.
    pub texts: BTreeMap<String, Lines>,
    /// The files that are partitions, by their names and what is made of their lines.
    pub files: BTreeMap<(String, Option<JsonSpec>), Log>,
    /// What looks odd in the file, but doesn't make it useless.
    pub warnings: Vec<Diagnostic>,
    pub(super) topology: OnceLock<Arc<Topology>>,
}

impl Loaded {
    /// A scenario whose texts are at hand. Nothing is checked.
    pub fn new(mut scenario: Scenario, name: &str, texts: BTreeMap<String, Lines>) -> Self {
        let name = scenario.name.get_or_insert_with(|| name.to_string()).clone();
        let (files, warnings) = (BTreeMap::new(), Vec::new());
        Loaded { scenario, name, texts, files, warnings, topology: OnceLock::new() }
    }

    /// The same closed scenario with its texts written into it, so that it stands alone, wherever it is saved.
    pub fn inlined(&self, closed: &Scenario) -> Scenario {
        let mut alone = closed.clone();
        for source in alone.job.vertices.iter_mut().filter_map(|v| v.source.as_mut()) {
            if let Data::Text { text, lines, skip } = &source.data
                && let Some(all) = self.texts.get(text)
            {
                let take = lines.as_ref().map_or(all.len(), |lines| all.len().min(lines.least() as usize));
                let skip = skip.as_ref().map_or(0, |skip| skip.least() as usize);
                let inline = (0..take).map(|i| all[(skip % all.len() + i) % all.len()].to_string()).collect();
                source.data = Data::Inline { inline };
            }
        }
        alone
    }
}

/// Reads and checks a scenario file, or a token in its place. All errors are found at once.
pub fn load(path: &Path) -> Result<Loaded, Vec<Diagnostic>> {
    load_knowing(path, &[])
}

/// The same; the protocol must be one of these, unless there are none.
pub fn load_knowing(path: &Path, protocols: &[&str]) -> Result<Loaded, Vec<Diagnostic>> {
    load_with(path, protocols, &read_lines)
}

/// The same, but files that are partitions are left where they are: for a driver that reads them piece by piece.
pub fn load_unread(path: &Path, protocols: &[&str]) -> Result<Loaded, Vec<Diagnostic>> {
    let leave = |path: &Path, fields: Option<Fields>| {
        Ok((Log::File(Arc::new(FileLog { path: path.display().to_string(), fields })), None))
    };
    load_with(path, protocols, &leave)
}

/// A file that is a partition, and how many records it has, if that is known.
type ReadFile<'a> = &'a dyn Fn(&Path, Option<Fields>) -> Result<(Log, Option<u64>), String>;

fn load_with(path: &Path, protocols: &[&str], file: ReadFile) -> Result<Loaded, Vec<Diagnostic>> {
    let token = path.to_str().filter(|path| path.starts_with(token::BEGINS) && !Path::new(path).exists());
    let shown = match token {
        Some(token) => shortened(token),
        None => path.display().to_string(),
    };
    let bytes = match token {
        Some(token) => token::read(token, FILE_BYTES),
        None => read(path, FILE_BYTES).map_err(|problem| format!("cannot read the file: {problem}")),
    };
    let bytes = bytes.map_err(|problem| {
        let source = Arc::new(Source { path: shown.clone(), text: String::new() });
        vec![Diagnostic::error("S0101", &source, 0..0, problem)]
    })?;
    let stem = path.file_stem().filter(|_| token.is_none());
    let name = stem.map_or_else(|| "scenario".to_string(), |stem| stem.to_string_lossy().into_owned());
    let mut checked = check(&shown, &bytes, protocols);
    let (mut texts, mut files) = (BTreeMap::new(), BTreeMap::new());
    if let (Some(scenario), Some(tree)) = (&mut checked.scenario, &checked.tree) {
        let dir = path.parent().unwrap_or(Path::new(""));
        read_texts(scenario, dir, tree, &checked.source, &mut texts, &mut checked.found);
        read_files(scenario, dir, file, &mut files, &mut |pointer, name, problem| {
            checked.found.push(unreadable(tree, &checked.source, pointer, name, problem));
        });
    }
    sort(&mut checked.found);
    match checked.scenario {
        Some(scenario) if checked.found.iter().all(|d| d.severity == Severity::Warning) => {
            Ok(Loaded { warnings: checked.found, files, ..Loaded::new(scenario, &name, texts) })
        }
        _ => Err(checked.found),
    }
}

/// Checks the bytes of a scenario file without looking at any other file. Never panics, whatever the bytes are.
pub fn check_bytes(path: &str, bytes: &[u8]) -> Vec<Diagnostic> {
    let mut checked = check(path, bytes, &[]);
    sort(&mut checked.found);
    checked.found
}

struct Checked {
    source: Arc<Source>,
    tree: Option<Node>,
    scenario: Option<Scenario>,
    found: Vec<Diagnostic>,
}

fn check(path: &str, bytes: &[u8], protocols: &[&str]) -> Checked {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let source = Arc::new(Source { path: path.to_string(), text });
    let failed = |diagnostic| Checked { source: source.clone(), tree: None, scenario: None, found: vec![diagnostic] };
    if bytes.len() as u64 > FILE_BYTES {
        return failed(Diagnostic::error("S0101", &source, 0..0, "the file is larger than 4 MiB".to_string()));
    }
    if let Err(error) = std::str::from_utf8(bytes) {
        let at = error.valid_up_to();
        let message = "the file is not UTF-8 text".to_string();
        let end = source.text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
        let label = format!("byte {at} can't be part of a text");
        return failed(Diagnostic::error("S0101", &source, at..end, message).label(label));
    }
    let tree = match tree::parse(&source) {
        Ok(tree) => tree,
        Err(diagnostic) => return failed(*diagnostic),
    };
    let (mended, mut found) = Shape::check(&source, schema::shared(), &tree);
    let scenario: Option<Scenario> = match serde_json::from_value(mended) {
        Ok(scenario) => Some(scenario),
        Err(error) if found.is_empty() => {
            found.push(Diagnostic::error("S0199", &source, tree.span.clone(), format!("not a scenario: {error}")));
            None
        }
        Err(_) => None,
    };
    if let Some(s) = &scenario {
        let mended = found.iter().map(|d| d.pointer.clone()).collect();
        let mut check = Check { source: &source, tree: &tree, s, mended, found };
        check.run();
        known_protocol(&mut check, protocols);
        found = check.found;
    }
    Checked { source, tree: Some(tree), scenario, found }
}

fn known_protocol(check: &mut Check, protocols: &[&str]) {
    let name = &check.s.protocol;
    if protocols.is_empty() || protocols.contains(&name.as_str()) {
        return;
    }
    let near = nearest(name, protocols.iter().copied());
    let span = check.tree.nearest("/protocol").1.span.clone();
    let diagnostic = check.value("S0219", "/protocol", format!("no protocol is called `{}`", shortened(name)));
    match near {
        Some(near) => {
            diagnostic.help = Some("a protocol with a similar name exists".to_string());
            diagnostic.replacement = Some((span, format!("\"{near}\"")));
        }
        None => diagnostic.help = Some("`cutline list --protocols` shows all of them".to_string()),
    }
}

/// A warning about a place of a file that was loaded, for what only the caller knows. None: the file has changed since.
pub fn warning(path: &Path, code: &'static str, pointer: &str, message: String, help: &str) -> Option<Diagnostic> {
    let text = String::from_utf8(read(path, FILE_BYTES).ok()?).ok()?;
    let source = Arc::new(Source { path: path.display().to_string(), text });
    let tree = tree::parse(&source).ok()?;
    let span = tree.nearest(pointer).1.span.clone();
    let mut warning = Diagnostic::error(code, &source, span, message);
    (warning.severity, warning.pointer) = (Severity::Warning, pointer.to_string());
    warning.help = Some(help.to_string());
    Some(warning)
}

/// Reads the texts that sources name, and says how many lines there are where all are wanted.
fn read_texts(
    scenario: &mut Scenario,
    dir: &Path,
    tree: &Node,
    source: &Arc<Source>,
    texts: &mut BTreeMap<String, Lines>,
    found: &mut Vec<Diagnostic>,
) {
    for (v, vertex) in scenario.job.vertices.iter_mut().enumerate() {
        let Some(SourceSpec { data: Data::Text { text, lines, .. }, .. }) = &mut vertex.source else { continue };
        if !texts.contains_key(text) {
            match read_text(&dir.join(&*text)) {
                Ok(read) => drop(texts.insert(text.clone(), read)),
                Err(problem) => {
                    let pointer = format!("/job/vertices/{v}/source/data/text");
                    found.push(unreadable(tree, source, pointer, text, problem));
                }
            }
        }
        if let (None, Some(read)) = (&lines, texts.get(text)) {
            *lines = Some(Open::Fixed(read.len() as u64));
        }
    }
}

fn unreadable(tree: &Node, source: &Arc<Source>, pointer: String, name: &str, problem: String) -> Diagnostic {
    let span = tree.nearest(&pointer).1.span.clone();
    let message = format!("cannot read the text `{}`: {problem}", shortened(name));
    let mut diagnostic = Diagnostic::error("S0218", source, span, message);
    diagnostic.label = "relative to the scenario file".to_string();
    diagnostic.pointer = pointer;
    diagnostic
}

/// Reads the files that are partitions, and counts their records.
fn read_files(
    scenario: &mut Scenario,
    dir: &Path,
    read: ReadFile,
    known: &mut BTreeMap<(String, Option<JsonSpec>), Log>,
    found: &mut dyn FnMut(String, &str, String),
) {
    for (v, vertex) in scenario.job.vertices.iter_mut().enumerate() {
        let Some(SourceSpec { data: Data::Files { files, json, records }, .. }) = &mut vertex.source else { continue };
        let mut sum = Some(0u64);
        for (i, name) in files.iter().enumerate() {
            let fields = json.as_ref().map(|json| Fields { key: json.key.clone(), value: json.value.clone() });
            match read(&dir.join(name), fields) {
                Ok((log, count)) => {
                    sum = sum.zip(count).map(|(sum, count)| sum + count);
                    known.insert((name.clone(), json.clone()), log);
                }
                Err(problem) => found(format!("/job/vertices/{v}/source/data/files/{i}"), name, problem),
            }
        }
        *records = sum;
    }
}

/// All records of a file.
fn read_lines(path: &Path, fields: Option<Fields>) -> Result<(Log, Option<u64>), String> {
    let text = String::from_utf8(read(path, TEXT_BYTES)?).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        format!("line {} is not UTF-8 text", 1 + good.iter().filter(|byte| **byte == b'\n').count())
    })?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    let log = match fields {
        None => Log::Lines(lines.map(|(_, line)| Line::from(line)).collect()),
        Some(fields) => {
            let pair = |(n, line): (usize, &str)| fields.of(line).map_err(|what| format!("line {}: {what}", n + 1));
            Log::Pairs(lines.map(pair).collect::<Result<_, _>>()?)
        }
    };
    let records = log.len();
    Ok((log, Some(records)))
}

fn read_text(path: &Path) -> Result<Lines, String> {
    let text = String::from_utf8(read(path, TEXT_BYTES)?).map_err(|_| "it is not UTF-8 text".to_string())?;
    let lines: Lines = text.lines().filter(|line| !line.trim().is_empty()).take(1_000_000).map(Line::from).collect();
    if lines.is_empty() { Err("it has no lines".to_string()) } else { Ok(lines) }
}

/// Reads a file, if it is one and not too large. A device or a pipe may never end.
fn read(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let problem = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_string(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_string(),
        _ => error.to_string(),
    };
    if !std::fs::metadata(path).map_err(problem)?.is_file() {
        return Err("it is not a file".to_string());
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(problem)?.take(most + 1).read_to_end(&mut bytes).map_err(problem)?;
    if bytes.len() as u64 > most { Err(format!("it is larger than {} MiB", most >> 20)) } else { Ok(bytes) }
}

fn sort(found: &mut [Diagnostic]) {
    found.sort_by(|a, b| (a.span.start, a.code, &a.pointer).cmp(&(b.span.start, b.code, &b.pointer)));
}

/// Diagnostics of one file for a reader: at most 20, and how many more there are.
pub fn render(found: &[Diagnostic], color: bool) -> String {
    let mut text: Vec<String> = found.iter().take(20).map(|diagnostic| diagnostic.render(color)).collect();
    if found.len() > 20 {
        text.push(format!("... and {} more in {}", found.len() - 20, found[0].path()));
    }
    text.join("\n\n")
}
