//! The bytes of everything that the store keeps: a frame that tells a whole file from a damaged one.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `cutline` and a line feed |
//! | 2 | version of the format of this kind of file, little-endian like all that follows |
//! | 1 | kind |
//! | 1 | flags: 1 is lz4 |
//! | 8 | length of the body |
//! | 4 | CRC-32C of everything else: the 20 bytes before, and the body |
//! | .. | body: [postcard](https://postcard.jamesmunns.com) of one of the types of [`super::mirror`]; with lz4, its length (4 bytes) and the compressed block |
//!
//! No bytes make anything here panic, and nothing is handed out of a file whose checksum is wrong.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

const MAGIC: [u8; 8] = *b"cutline\n";
const HEADER: usize = 24;
const CHECKSUM_AT: usize = 20;
const LZ4: u8 = 1;
/// Bodies below this are not worth compressing, and above it lz4's length doesn't fit.
const COMPRESSED_MIN: usize = 128;
const COMPRESSED_MAX: usize = 1 << 30;
/// No byte of an lz4 block stands for more than this many.
const LZ4_RATIO_MAX: usize = 255;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Whose store it is.
    Marker = 1,
    /// A record of the log.
    State = 2,
    /// A snapshot of one subtask.
    Snapshot = 3,
    /// Chunks of keyed state.
    Pack = 4,
}

impl FileKind {
    const ALL: [FileKind; 4] = [FileKind::Marker, FileKind::State, FileKind::Snapshot, FileKind::Pack];

    /// The version of its format that is written, and the only one that is read.
    pub fn version(self) -> u16 {
        if self == FileKind::State { 2 } else { 1 } // 2: with savepoints
    }

    fn words(self) -> &'static str {
        match self {
            FileKind::Marker => "a store's marker",
            FileKind::State => "a record of the log",
            FileKind::Snapshot => "a snapshot",
            FileKind::Pack => "a pack of chunks",
        }
    }
}

/// Bytes to be stored. `compress`: with lz4, if that makes them shorter.
///
/// # Errors
/// In words, if the value can't be written down.
pub fn seal<T: Serialize>(kind: FileKind, value: &T, compress: bool) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&kind.version().to_le_bytes());
    bytes.extend_from_slice(&[kind as u8, 0]);
    bytes.extend_from_slice(&[0; 12]);
    let mut bytes = postcard::to_extend(value, bytes).map_err(|error| format!("cannot be written down: {error}"))?;
    let body = bytes.len() - HEADER;
    if compress && (COMPRESSED_MIN..COMPRESSED_MAX).contains(&body) {
        let block = lz4_flex::block::compress_prepend_size(&bytes[HEADER..]);
        if block.len() < body {
            bytes.truncate(HEADER);
            bytes.extend_from_slice(&block);
            bytes[11] |= LZ4;
        }
    }
    let body = (bytes.len() - HEADER) as u64;
    bytes[12..20].copy_from_slice(&body.to_le_bytes());
    let sum = checksum(&bytes);
    bytes[CHECKSUM_AT..HEADER].copy_from_slice(&sum.to_le_bytes());
    Ok(bytes)
}

fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..CHECKSUM_AT]), &bytes[HEADER..])
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | *byte as u64)
}

/// The body of a file, decompressed.
///
/// # Errors
/// What is wrong with the file, as the rest of a sentence that begins with its name.
pub fn unseal(kind: FileKind, bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    if bytes.is_empty() {
        return Err("is empty".to_string());
    }
    let magic = bytes.len().min(MAGIC.len());
    if bytes[..magic] != MAGIC[..magic] {
        return Err("is no file of cutline: it begins with other bytes".to_string());
    }
    if bytes.len() < HEADER {
        return Err(format!("is torn: it has {} bytes, and its header alone has {HEADER}", bytes.len()));
    }
    let (has, says) = (bytes.len() as u64, number(&bytes[12..20]).saturating_add(HEADER as u64));
    if has != says {
        let what = if has < says { "is torn" } else { "goes on where it should end" };
        return Err(format!("{what}: it has {has} bytes, and its header says {says}"));
    }
    if checksum(bytes) as u64 != number(&bytes[CHECKSUM_AT..HEADER]) {
        return Err("is damaged: its checksum is wrong".to_string());
    }
    if bytes[10] != kind as u8 {
        let other = FileKind::ALL.iter().find(|known| **known as u8 == bytes[10]);
        let other = other.map_or("of a kind that isn't known", |known| known.words());
        return Err(format!("is {other}, and not {}", kind.words()));
    }
    let version = number(&bytes[8..10]);
    if version != kind.version() as u64 {
        let known = kind.version();
        return Err(format!("has version {version} of the format of {}, and only {known} is known", kind.words()));
    }
    match bytes[11] {
        0 => Ok(Cow::Borrowed(&bytes[HEADER..])),
        LZ4 => decompress(&bytes[HEADER..]).map(Cow::Owned),
        flags => Err(format!("has flags {flags:#x}, which are not known")),
    }
}

fn decompress(block: &[u8]) -> Result<Vec<u8>, String> {
    let wrong = |why: &str| format!("can't be decompressed: {why}");
    let Some((length, block)) = block.split_at_checked(4) else { return Err(wrong("it is too short")) };
    let length = number(length) as usize;
    if length > block.len().saturating_mul(LZ4_RATIO_MAX) {
        return Err(wrong("it can't be as long as it says"));
    }
    lz4_flex::block::decompress(block, length).map_err(|error| wrong(&error.to_string()))
}

/// What a body says.
///
/// # Errors
/// As of [`unseal`]: the checksum is right, and the content isn't what this version writes.
pub fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(format!("can't be understood: {} bytes are left over", rest.len())),
        Err(error) => Err(format!("can't be understood: {error}")),
    }
}
