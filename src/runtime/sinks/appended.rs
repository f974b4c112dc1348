//! Sinks that write each record at once: lines are appended to a file of the attempt.
//!
//! Print: `output/p5-a7.jsonl`, whoever writes. Upsert: the last line of a key counts, and earlier attempts are fenced
//! off, so the file is in a [`Turnstile`], `output/p5/a7/a7.jsonl`. Whoever has it open could go on appending to it after
//! it was fenced off, so a fence also notes how long it was (`a7.end`), and nobody reads beyond that.
//!
//! Lines are handed to the operating system when there are enough of them, after a moment, and at a flush; a flush syncs
//! them.

use super::published::lines;
use super::turnstile::{Turnstile, current};
use super::{OUTPUT, silent, trouble};
use crate::engine::message::{Record, Reply, Request};
use crate::ids::*;
use crate::runtime::outside::{Batch, Consumer, Ledger, Served};
use crate::runtime::storage::files::{cannot, names, parent, sync_folder};
use crate::trace::event::Kind;
use crate::trace::json::write_record;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// So many bytes wait at most, and so long.
const WAITING_MAX: usize = 1 << 16;
const WAITING_FOR: Duration = Duration::from_millis(100);

/// A file that lines are appended to.
#[derive(Debug)]
struct Lines {
    path: PathBuf,
    file: File,
    waiting: String,
    since: Instant,
    broken: Option<String>,
}

impl Lines {
    fn open(path: PathBuf) -> std::io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(&path)?;
        Ok(Lines { path, file, waiting: String::new(), since: Instant::now(), broken: None })
    }

    fn add(&mut self, record: &Record) {
        if self.waiting.is_empty() {
            self.since = Instant::now();
        }
        write_record(&mut self.waiting, record);
        if self.waiting.len() > WAITING_MAX || self.since.elapsed() > WAITING_FOR {
            self.hand_over();
        }
    }

    /// After an error nothing is written any more: half a line may be there.
    fn hand_over(&mut self) {
        if self.broken.is_none() {
            let written = self.file.write_all(self.waiting.as_bytes());
            self.broken = written.err().map(|error| cannot("write", &self.path, &error));
        }
        self.waiting.clear();
    }

    fn sync(&mut self) -> Result<(), String> {
        self.hand_over();
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        self.file.sync_all().map_err(|error| cannot("sync", &self.path, &error))
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.hand_over();
    }
}

/// One subtask's lines, each visible as it comes.
#[derive(Debug)]
pub struct Print {
    output: PathBuf,
    lines: Option<(Incarnation, Lines)>,
}

impl Print {
    /// `root`: the sink's folder.
    pub fn new(root: &Path) -> Self {
        Print { output: root.join(OUTPUT), lines: None }
    }

    fn lines(&mut self, asker: Incarnation) -> Result<&mut Lines, String> {
        if self.lines.as_ref().is_none_or(|(whose, _)| *whose != asker) {
            let path = self.output.join(format!("p{}-a{}.jsonl", asker.task.0, asker.attempt.0));
            let opened = Lines::open(path.clone()).map_err(|error| cannot("open", &path, &error))?;
            self.lines = Some((asker, opened));
        }
        self.lines.as_mut().map(|(_, lines)| lines).ok_or_else(String::new)
    }
}

impl Ledger for Print {
    fn serve(&mut self, asker: Incarnation, request: &Request) -> Served {
        let output = self.output.clone();
        match request {
            Request::Write(record) => match self.lines(asker) {
                Ok(lines) => {
                    lines.add(record);
                    silent(Reply::Done)
                }
                Err(error) => trouble(error),
            },
            Request::Flush => {
                let synced = self.lines(asker).and_then(|lines| lines.sync()).and_then(|()| sync_folder(&output));
                synced.map_or_else(trouble, |()| silent(Reply::Done))
            }
            Request::Fence { .. } => silent(Reply::Done), // it has no notion of writers
            _ => trouble("a sink that prints has no transactions".to_string()),
        }
    }
}

/// One subtask's lines, of which the last of a key counts.
#[derive(Debug)]
pub struct Upsert {
    gate: Turnstile,
    lines: Option<(Incarnation, Lines)>,
    lost: Option<String>,
}

impl Upsert {
    /// `root`: the sink's folder.
    ///
    /// # Errors
    /// In words.
    pub fn open(root: &Path, task: TaskId) -> Result<Self, String> {
        let gate = Turnstile::open(root.join(OUTPUT).join(format!("p{}", task.0)))?;
        Ok(Upsert { gate, lines: None, lost: None })
    }

    /// The file of the asker; none: a newer attempt is in, or he isn't in yet.
    fn lines(&mut self, asker: Incarnation) -> Result<Option<&mut Lines>, String> {
        if self.lines.as_ref().is_none_or(|(whose, _)| *whose != asker) {
            let path = self.gate.folder(asker.attempt).join(format!("a{}.jsonl", asker.attempt.0));
            self.lines = match Lines::open(path.clone()) {
                Ok(lines) => Some((asker, lines)),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(cannot("open", &path, &error)),
            };
        }
        Ok(self.lines.as_mut().map(|(_, lines)| lines))
    }

    fn write(&mut self, asker: Incarnation, record: &Record) {
        match self.lines(asker) {
            Ok(Some(lines)) => lines.add(record),
            Ok(None) => self.lost = Some(format!("{} is not there", self.gate.folder(asker.attempt).display())),
            Err(error) => self.lost = Some(error),
        }
    }

    fn flush(&mut self, asker: Incarnation) -> Result<Reply, String> {
        let synced = self.lines(asker).and_then(|lines| lines.map_or(Ok(()), Lines::sync));
        // If the asker is still in now, all of it was there before anybody fences him off.
        let now = self.gate.current()?;
        if now > asker.attempt {
            return Ok(Reply::Fenced);
        }
        if now < asker.attempt {
            return Err(format!("attempt {} hasn't fenced off the earlier ones yet", asker.attempt.0));
        }
        synced?;
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        match sync_folder(&self.gate.folder(asker.attempt)) {
            Err(error) if self.gate.current()? == asker.attempt => Err(error),
            _ => Ok(Reply::Done),
        }
    }

    /// Notes where the files of earlier attempts end.
    fn close(&self, attempt: Attempt) -> Result<(), String> {
        let folder = self.gate.folder(attempt);
        let all = names(&folder)?;
        for (of, name) in all.iter().filter_map(|name| Some((file_attempt(name, ".jsonl")?, name))) {
            let end = format!("a{}.end", of.0);
            if of >= attempt || all.contains(&end) {
                continue;
            }
            let path = folder.join(name);
            let bytes = fs::read(&path).map_err(|error| cannot("read", &path, &error))?;
            let (part, end) = (folder.join(format!("a{}.part", of.0)), folder.join(end));
            let written = File::create(&part).and_then(|mut file| {
                file.write_all(whole(&bytes).to_string().as_bytes())?;
                file.sync_all()
            });
            written.and_then(|()| fs::rename(&part, &end)).map_err(|error| cannot("write", &end, &error))?;
        }
        sync_folder(&folder)
    }
}

/// How many of these bytes are whole lines.
fn whole(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1)
}

fn file_attempt(name: &str, ending: &str) -> Option<Attempt> {
    name.strip_prefix('a')?.strip_suffix(ending)?.parse().ok().map(Attempt)
}

impl Ledger for Upsert {
    fn serve(&mut self, asker: Incarnation, request: &Request) -> Served {
        match request {
            Request::Write(record) => {
                self.write(asker, record);
                silent(Reply::Done)
            }
            Request::Flush => self.flush(asker).map_or_else(trouble, silent),
            Request::Fence { attempt, .. } => match self.gate.enter(*attempt) {
                Ok(false) => silent(Reply::Fenced),
                Err(error) => trouble(error),
                Ok(true) => {
                    let lines = vec![Kind::Fence { by: asker }];
                    match self.close(*attempt) {
                        Ok(()) => Served { lines, ..silent(Reply::Done) },
                        // A newer attempt came in meanwhile, and does the rest.
                        Err(_) if self.gate.current().is_ok_and(|now| now > *attempt) => {
                            Served { lines, ..silent(Reply::Fenced) }
                        }
                        Err(error) => Served { lines, ..trouble(error) },
                    }
                }
            },
            _ => trouble("a sink that overwrites has no transactions".to_string()),
        }
    }
}

/// A reader of lines that are appended.
#[derive(Debug)]
pub struct Written {
    output: PathBuf,
    upsert: bool,
    read: BTreeMap<Whose, Position>,
}

/// (attempt, task): the order in which files are read.
type Whose = (u32, u32);

/// How much of a file was read.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    bytes: usize,
    lines: u64,
}

impl Written {
    /// Of an upsert sink.
    pub fn upsert(output: PathBuf) -> Self {
        Written { output, upsert: true, read: BTreeMap::new() }
    }

    /// Of a print sink.
    pub fn print(output: PathBuf) -> Self {
        Written { output, upsert: false, read: BTreeMap::new() }
    }

    /// The files that there are, and up to where each may be read.
    fn files(&self) -> Result<Vec<(Whose, PathBuf, Option<usize>)>, String> {
        let mut found = Vec::new();
        for name in names(&self.output)? {
            let Some(rest) = name.strip_prefix('p') else { continue };
            if !self.upsert {
                let parsed = rest.strip_suffix(".jsonl").and_then(|stem| stem.split_once("-a"));
                let parsed = parsed.and_then(|(task, attempt)| Some((attempt.parse().ok()?, task.parse().ok()?)));
                found.extend(parsed.map(|whose| (whose, self.output.join(&name), None)));
                continue;
            }
            let gate = self.output.join(&name);
            let (Ok(task), Some(now)) = (rest.parse(), current(&gate)?) else { continue };
            let folder = gate.join(format!("a{}", now.0));
            for file in names(&folder)? {
                let Some(of) = file_attempt(&file, ".jsonl") else { continue };
                let end = fs::read_to_string(folder.join(format!("a{}.end", of.0))).ok();
                let end = end.and_then(|text| text.parse().ok());
                // One that was fenced off and isn't closed yet waits.
                if of == now || end.is_some() {
                    found.push(((of.0, task), folder.join(&file), end));
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

impl Consumer for Written {
    fn look(&mut self) -> Result<Vec<Batch>, String> {
        let mut batches = Vec::new();
        for (whose, path, end) in self.files()? {
            let bytes = match fs::read(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue, // renamed: the next look finds it
                other => other.map_err(|error| cannot("read", &path, &error))?,
            };
            // Of an open file only what was there before anybody came in after its writer.
            if end.is_none() && !parent(&path).exists() {
                continue;
            }
            let position = self.read.entry(whose).or_default();
            let bytes = &bytes[..end.unwrap_or(bytes.len()).min(bytes.len())];
            let new = &bytes[position.bytes.min(bytes.len())..];
            let new = &new[..whole(new)];
            let text = std::str::from_utf8(new).map_err(|_| format!("{} is not text", path.display()))?;
            let records = lines(&path, text, position.lines)?;
            position.bytes += new.len();
            position.lines += records.len() as u64;
            if !records.is_empty() {
                let from = Incarnation { task: TaskId(whose.1), attempt: Attempt(whose.0) };
                batches.push(Batch { from, txn: None, records });
            }
        }
        Ok(batches)
    }
}
