//! Reads times, sizes, addresses and words of closed sets from the file.
//!
//! Every message starts with `write`: by that `read` tells our messages, which hold no value,
//! from those of libraries, which may.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo, Timestamp};
use serde::de::{Deserializer, Error, Visitor};
use strum::VariantNames;

/// Reads a time such as `500ms`, `30s`, `5min`, `24h` or `30d`; a day is 24 hours.
pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    // A number without a unit becomes a text of digits here, and is refused for its missing unit.
    let text: String = serde::Deserialize::deserialize(from)?;
    parse_duration(&text).ok_or_else(|| D::Error::custom("write a time with its unit, such as \"30s\""))
}

/// Returns the duration that a text such as `500ms`, `30s`, `24h` or `30d` stands for; a day is 24 hours.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(time).ok()
}

/// Reads a time such as `2030-01-31T12:00:00Z` that may be absent.
pub(super) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let text: String = serde::Deserialize::deserialize(from)?;
    let wrong = |_| D::Error::custom("write a time such as \"2030-01-31T12:00:00Z\"");
    text.parse().map(Some).map_err(wrong)
}

/// Reads a size such as `16MiB`, or a number of bytes.
pub(super) fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    struct Bytes;
    impl Visitor<'_> for Bytes {
        type Value = u64;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a size, such as \"16MiB\"")
        }
        fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
            u64::try_from(number).map_err(|_| E::custom("write a size of 0 or more"))
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
            parse_bytes(text).ok_or_else(|| E::custom("write a size, such as \"16MiB\""))
        }
    }
    from.deserialize_any(Bytes)
}

fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Reads an address with a port.
pub(super) fn address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    let text: String = serde::Deserialize::deserialize(from)?;
    text.parse()
        .map_err(|_| D::Error::custom("write an address and a port, such as \"127.0.0.1:7878\""))
}

/// Reads an address with a port that may be absent.
pub(super) fn optional_address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    address(from).map(Some)
}

/// Reads a word of a closed set. The error lists the set.
pub(super) fn word<T: FromStr + VariantNames>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| {
        let words: Vec<_> = T::VARIANTS.iter().map(|word| format!("\"{word}\"")).collect();
        format!("write one of {}", words.join(", "))
    })
}

/// Returns whether `name` may be a metric label and part of a path without escaping.
pub fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// Returns whether `text` can be a person's id in a database.
pub(super) fn is_text(text: &str) -> bool {
    !text.is_empty() && !text.contains('\0')
}

/// The advice where [`is_name`] refuses a name.
pub const NAME: &str = "write 1 to 64 of the characters a-z, 0-9, _ and -";

#[cfg(test)]
mod tests {
    use super::parse_bytes;

    #[test]
    fn sizes_have_binary_units_and_do_not_overflow() {
        assert_eq!(parse_bytes("1024"), Some(1024));
        assert_eq!(parse_bytes("16MiB"), Some(16 << 20));
        assert_eq!(parse_bytes("1 GiB"), Some(1 << 30));
        for wrong in ["", "MiB", "16MB", "-1", "99999999999999GiB"] {
            assert_eq!(parse_bytes(wrong), None, "{wrong}");
        }
    }
}
