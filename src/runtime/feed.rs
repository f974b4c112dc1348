//! The records of a partition, read by offset: made up, held in memory, or from a file of any size.
//!
//! A file is never loaded. Every so many records the place in the file is noted in an index beside the job, so that a
//! restore in the middle of it seeks instead of reading everything before. The index is a help and no more: one that is
//! missing, torn or about another file costs time.

use super::hub::Hub;
use crate::digest::Digest;
use crate::engine::message::{Datum, Record};
use crate::ids::*;
use crate::world::setup::{FileLog, Log};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place is noted every so many records.
const INDEX_EVERY: u64 = 1 << 16;
/// A line may be so long, in bytes.
const LINE_MAX: u64 = 16 << 20;
/// So much of a file is looked at before anything runs.
const PROBE_BYTES: u64 = 1 << 20;
/// What is read from the file at once.
const BUFFER_BYTES: usize = 256 << 10;

/// A partition, as one life of a source reads it.
pub enum Feed {
    /// At hand.
    Log(PartitionId, Log),
    /// In a file.
    File(PartitionId, FileFeed),
}

impl Feed {
    /// The partition of this number. A file is opened when its first record is wanted.
    pub fn new(hub: &Hub, partition: PartitionId) -> Self {
        match &hub.logs[partition.index()] {
            Log::File(file) => {
                let index = hub.index.as_ref().map(|dir| dir.join(format!("{}.txt", partition.0)));
                Feed::File(partition, FileFeed::new(file.clone(), index))
            }
            log => Feed::Log(partition, log.clone()),
        }
    }

    /// The record at an offset; none at the end.
    ///
    /// # Errors
    /// In words, with file and line.
    #[inline]
    pub fn get(&mut self, offset: Offset) -> Result<Option<Record>, String> {
        match self {
            Feed::Log(partition, log) => Ok(log.get(*partition, offset)),
            Feed::File(partition, file) => {
                let id = RecordId { partition: *partition, part: 0, offset };
                Ok(file.get(offset.0)?.map(|(key, value)| Record { id, key, value }))
            }
        }
    }
}

/// A place in a file: before the record of this number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    record: u64,
    line: u64,
    byte: u64,
}

/// A file that is read line by line. Blank lines are passed over.
pub struct FileFeed {
    log: Arc<FileLog>,
    index: Option<PathBuf>,
    reader: Option<BufReader<File>>,
    at: Mark,
    noted: u64,
    line: Vec<u8>,
}

impl FileFeed {
    /// Nothing read. `index`: where places are noted.
    pub fn new(log: Arc<FileLog>, index: Option<PathBuf>) -> Self {
        FileFeed { log, index, reader: None, at: Mark::default(), noted: 0, line: Vec::new() }
    }

    /// Looks at the beginning of the file: can it be read, and does it hold what it should?
    ///
    /// # Errors
    /// In words, with file and line.
    pub fn probe(log: &Arc<FileLog>) -> Result<(), String> {
        let mut feed = FileFeed::new(log.clone(), None);
        let mut offset = 0;
        while feed.at.byte < PROBE_BYTES && feed.get(offset)?.is_some() {
            offset += 1;
        }
        Ok(())
    }

    /// Key and value of the record of this number; none at the end.
    ///
    /// # Errors
    /// In words, with file and line.
    pub fn get(&mut self, record: u64) -> Result<Option<(Datum, Datum)>, String> {
        if self.reader.is_none() || self.at.record != record {
            self.seek(record)?;
        }
        if !self.next_line()? {
            return Ok(None);
        }
        let log = self.log.clone();
        let problem = |what: String| format!("{}:{}: {what}", log.path, self.at.line);
        let text = std::str::from_utf8(&self.line)
            .map_err(|error| problem(format!("not UTF-8 text (column {})", error.valid_up_to() + 1)))?;
        let found = match &log.fields {
            None => (Datum::Int(record as i64), Datum::Text(text.into())),
            Some(fields) => fields.of(text).map_err(problem)?,
        };
        self.at.record += 1;
        if self.at.record >= self.noted + INDEX_EVERY {
            self.note();
        }
        Ok(Some(found))
    }

    /// The next line that isn't blank, without its end; false at the end of the file.
    fn next_line(&mut self) -> Result<bool, String> {
        let reader = self.reader.as_mut().expect("the file is open");
        loop {
            self.line.clear();
            let read = reader.by_ref().take(LINE_MAX + 1).read_until(b'\n', &mut self.line);
            let read = read.map_err(|error| format!("{}: cannot read it: {error}", self.log.path))? as u64;
            if read == 0 {
                return Ok(false);
            }
            self.at.byte += read;
            self.at.line += 1;
            if read > LINE_MAX {
                return Err(format!("{}:{}: a line is longer than 16 MiB", self.log.path, self.at.line));
            }
            if self.line.pop_if(|byte| *byte == b'\n').is_some() {
                self.line.pop_if(|byte| *byte == b'\r');
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                return Ok(true);
            }
        }
    }

    /// Goes to the record of this number.
    fn seek(&mut self, record: u64) -> Result<(), String> {
        let problem = |error: std::io::Error| format!("{}: cannot read it: {error}", self.log.path);
        let file = File::open(&self.log.path).map_err(problem)?;
        if !file.metadata().map_err(problem)?.is_file() {
            return Err(format!("{}: it is not a file", self.log.path));
        }
        let marks = self.index.as_deref().map_or(Vec::new(), |index| read_index(index, &self.log.path));
        self.noted = marks.last().map_or(0, |mark| mark.record);
        let from = marks.into_iter().rfind(|mark| mark.record <= record).unwrap_or_default();
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
        reader.seek(SeekFrom::Start(from.byte)).map_err(problem)?;
        self.reader = Some(reader);
        self.at = from;
        while self.at.record < record {
            if !self.next_line()? {
                return Err(format!(
                    "{}: it has {} records, and had more than {record} when the job began",
                    self.log.path, self.at.record
                ));
            }
            self.at.record += 1;
        }
        Ok(())
    }

    /// Notes where it is. If that can't be written, nobody misses it but the clock.
    fn note(&mut self) {
        self.noted = self.at.record;
        let Some(index) = &self.index else { return };
        let mut text = String::new();
        if !index.exists() {
            let Some(head) = head(&self.log.path) else { return };
            let _ = index.parent().map(fs::create_dir_all);
            text = head;
        }
        let Mark { record, line, byte } = self.at;
        text.push_str(&format!("{record} {line} {byte}\n"));
        let file = OpenOptions::new().append(true).create(true).open(index);
        let _ = file.and_then(|mut file| file.write_all(text.as_bytes()));
    }
}

/// The first line of an index: what it is about. A file of this name that begins differently is another one.
fn head(path: &str) -> Option<String> {
    let mut first = Vec::new();
    File::open(path).ok()?.take(4096).read_to_end(&mut first).ok()?;
    let mut digest = Digest::new();
    digest.bytes(&first);
    Some(format!("cutline-index/1 {:016x} {path}\n", digest.finish64()))
}

/// The places of an index in order; none if it is about another file, which it isn't any more then.
fn read_index(index: &Path, path: &str) -> Vec<Mark> {
    let (Ok(text), Some(head)) = (fs::read_to_string(index), head(path)) else { return Vec::new() };
    let Some(lines) = text.strip_prefix(&head) else {
        let _ = fs::remove_file(index);
        return Vec::new();
    };
    let mark = |line: &str| {
        let numbers: Vec<u64> = line.split(' ').map_while(|word| word.parse().ok()).collect();
        match numbers[..] {
            [record, line, byte] => Some(Mark { record, line, byte }),
            _ => None,
        }
    };
    let whole = lines.rfind('\n').map_or(0, |end| end + 1); // the last line may be torn
    let mut marks: Vec<Mark> = lines[..whole].lines().filter_map(mark).collect();
    marks.sort_unstable();
    marks
}

/// Looks at the beginning of every file among these partitions.
///
/// # Errors
/// In words, with file and line; the first.
pub fn probe(logs: &[Log]) -> Result<(), String> {
    logs.iter().try_for_each(|log| match log {
        Log::File(file) => FileFeed::probe(file),
        _ => Ok(()),
    })
}
