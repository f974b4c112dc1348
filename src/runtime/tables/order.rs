//! Keys as bytes whose order is that of the keys, and values as bytes.
//!
//! | datum | bytes |
//! | --- | --- |
//! | whole number | 1, then 8 bytes, the highest first, the sign turned round |
//! | text, bytes | 2 or 3, then the bytes, each 0 followed by 255, then two zeros |
//! | pair | 4, then both halves |

use crate::engine::message::Datum;
use crate::runtime::storage::format;
use crate::runtime::storage::mirror::{self, Atom, DEPTH_MAX, Data};
use std::sync::Arc;

const INT: u8 = 1;
const TEXT: u8 = 2;
const BYTES: u8 = 3;
const PAIR: u8 = 4;

/// Adds the bytes of a key.
pub fn write(key: &Datum, bytes: &mut Vec<u8>) {
    match key {
        Datum::Int(i) => {
            bytes.push(INT);
            bytes.extend_from_slice(&(*i as u64 ^ 1 << 63).to_be_bytes());
        }
        Datum::Text(text) => string(TEXT, text.as_bytes(), bytes),
        Datum::Bytes(content) => string(BYTES, content, bytes),
        Datum::Pair(pair) => {
            bytes.push(PAIR);
            write(&pair.0, bytes);
            write(&pair.1, bytes);
        }
    }
}

fn string(tag: u8, content: &[u8], bytes: &mut Vec<u8>) {
    bytes.push(tag);
    for byte in content {
        bytes.push(*byte);
        if *byte == 0 {
            bytes.push(255);
        }
    }
    bytes.extend_from_slice(&[0, 0]);
}

/// The key of these bytes.
///
/// # Errors
/// If they are no key's.
pub fn read(mut bytes: &[u8]) -> Result<Datum, String> {
    let key = datum(&mut bytes, 0)?;
    if bytes.is_empty() { Ok(key) } else { Err("goes on behind its end".to_string()) }
}

fn datum(bytes: &mut &[u8], depth: u32) -> Result<Datum, String> {
    let (tag, rest) = bytes.split_first().ok_or("ends too early")?;
    *bytes = rest;
    match *tag {
        INT => {
            let (number, rest) = bytes.split_first_chunk::<8>().ok_or("ends too early")?;
            *bytes = rest;
            Ok(Datum::Int((u64::from_be_bytes(*number) ^ 1 << 63) as i64))
        }
        TEXT => {
            let text = String::from_utf8(unescaped(bytes)?).map_err(|_| "is not text")?;
            Ok(Datum::Text(text.into()))
        }
        BYTES => Ok(Datum::Bytes(unescaped(bytes)?.into())),
        PAIR if depth < DEPTH_MAX => Ok(Datum::Pair(Arc::new((datum(bytes, depth + 1)?, datum(bytes, depth + 1)?)))),
        _ => Err("is of no known kind".to_string()),
    }
}

fn unescaped(bytes: &mut &[u8]) -> Result<Vec<u8>, String> {
    let mut content = Vec::new();
    loop {
        let (byte, rest) = bytes.split_first().ok_or("has no end")?;
        *bytes = rest;
        if *byte != 0 {
            content.push(*byte);
            continue;
        }
        let (mark, rest) = bytes.split_first().ok_or("has no end")?;
        *bytes = rest;
        match mark {
            255 => content.push(0),
            _ => return Ok(content),
        }
    }
}

/// The bytes of a value.
///
/// # Errors
/// If it is too deep.
pub fn pack(value: &Datum) -> Result<Vec<u8>, String> {
    let mut atoms: Vec<Atom> = Vec::new();
    mirror::flatten(value, &mut atoms)?;
    postcard::to_stdvec(&atoms).map_err(|error| error.to_string())
}

/// The value of these bytes.
///
/// # Errors
/// If they are no value's.
pub fn unpack(bytes: &[u8]) -> Result<Datum, String> {
    Data::new(format::decode(bytes)?).take()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Vec<Datum> {
        let text = |text: &str| Datum::Text(text.into());
        let bytes = |bytes: &[u8]| Datum::Bytes(bytes.to_vec().into());
        let mut data: Vec<Datum> = [i64::MIN, -256, -1, 0, 1, 255, i64::MAX].map(Datum::Int).into();
        data.extend(["", "\0", "\0\0", "\0a", "a", "a\0", "a\u{1}", "ab", "ü", "\u{10ffff}"].map(text));
        data.extend([&[][..], &[0], &[0, 0], &[0, 255], &[1], &[254], &[255], &[255, 0], &[255, 255]].map(bytes));
        let pairs = data.iter().flat_map(|a| data.iter().map(|b| Datum::Pair((a.clone(), b.clone()).into())));
        let pairs: Vec<Datum> = pairs.collect();
        data.push(Datum::Pair((pairs[7].clone(), pairs[3].clone()).into()));
        data.extend(pairs);
        data
    }

    #[test]
    fn bytes_are_in_the_order_of_keys() {
        let mut keys = data();
        keys.sort();
        let bytes = |key: &Datum| {
            let mut bytes = Vec::new();
            write(key, &mut bytes);
            bytes
        };
        let written: Vec<Vec<u8>> = keys.iter().map(bytes).collect();
        assert!(written.is_sorted_by(|a, b| a < b));
        for (key, bytes) in keys.iter().zip(&written) {
            assert_eq!(read(bytes).as_ref(), Ok(key));
            assert_eq!(unpack(&pack(key).unwrap()).as_ref(), Ok(key));
            (0..bytes.len()).for_each(|end| drop(read(&bytes[..end]).unwrap_err()));
        }
    }
}
