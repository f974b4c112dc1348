//! A scenario as one word, to paste where no file can be sent: `ct1_`, and then its text, compressed, with a check sum
//! before it, in the letters that addresses may have (base64url, RFC 4648 section 5).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as LETTERS;

/// Every token begins with this: the kind, and the version.
pub const BEGINS: &str = "ct1_";
/// Bytes of the check sum, which is before all else.
const SUM: usize = 4;

/// The token of a scenario, which has its texts in it. Spaces that mean nothing are left out.
///
/// # Errors
/// It is no JSON.
pub fn of(scenario: &str) -> Result<String, serde_json::Error> {
    let value: serde_json::Value = serde_json::from_str(scenario)?;
    let packed = lz4_flex::compress_prepend_size(value.to_string().as_bytes());
    let sum = crc32c::crc32c(&packed).to_le_bytes();
    Ok(format!("{BEGINS}{}", LETTERS.encode([&sum[..], &packed].concat())))
}

/// The text of a scenario, of at most so many bytes.
///
/// # Errors
/// In words: it isn't what somebody made of a scenario.
pub fn read(token: &str, most: u64) -> Result<Vec<u8>, String> {
    let letters = token.strip_prefix(BEGINS).ok_or_else(|| format!("a token begins with {BEGINS}"))?;
    let damaged = |why: &str| format!("the token is damaged: {why}; was all of it copied?");
    let bytes = LETTERS
        .decode(letters.trim_end())
        .map_err(|error| damaged(error.to_string().to_lowercase().trim_end_matches('.')))?;
    let (sum, packed) = bytes.split_at_checked(SUM).ok_or_else(|| damaged("it is too short"))?;
    if crc32c::crc32c(packed).to_le_bytes() != sum {
        return Err(damaged("its check sum is wrong"));
    }
    let (length, _) = lz4_flex::block::uncompressed_size(packed).map_err(|error| damaged(&error.to_string()))?;
    if length as u64 > most {
        return Err(format!("the scenario of the token is too large: {length} bytes, and {most} are allowed"));
    }
    lz4_flex::decompress_size_prepended(packed).map_err(|error| damaged(&error.to_string()))
}
