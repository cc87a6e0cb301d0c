//! The end of the validity of a certificate.
//!
//! The TLS library checks the certificates of others, and does not tell when its own one ends. So this reads the one
//! field of the DER encoding (RFC 5280, section 4.1).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The tag of a time with two digits of the year.
const UTC_TIME: u8 = 0x17;
/// The tag of a time with four digits of the year.
const GENERALIZED_TIME: u8 = 0x18;
/// The tag of the version, which first versions lack.
const VERSION: u8 = 0xa0;

/// A value of a DER encoding.
struct Value<'a> {
    tag: u8,
    contents: &'a [u8],
}

/// Returns the time at which a certificate ends; `None` if it cannot be read.
pub(super) fn end(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = value(certificate)?;
    let (signed, _) = value(certificate.contents)?;
    let (first, after_first) = value(signed.contents)?;
    let mut rest = if first.tag == VERSION {
        after_first
    } else {
        signed.contents
    };
    // The serial number, the algorithm of the signature, the issuer.
    for _ in 0..3 {
        (_, rest) = value(rest)?;
    }
    let (validity, _) = value(rest)?;
    let (_, end) = value(validity.contents)?;
    moment(&value(end)?.0)
}

/// Splits the first value from the bytes after it.
fn value(der: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (&[tag, length], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        // The number of bytes of the length. A certificate is smaller than 4 GiB.
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length - 0x80))?;
            let length = bytes.iter().fold(0, |length, byte| length * 256 + usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((Value { tag, contents }, rest))
}

/// Reads a time. Both forms end with seconds and `Z`.
fn moment(time: &Value<'_>) -> Option<Timestamp> {
    let digits = str::from_utf8(time.contents).ok()?;
    let full = match time.tag {
        // Years from 50 on are of the last century.
        UTC_TIME if digits < "50" => format!("20{digits}"),
        UTC_TIME => format!("19{digits}"),
        GENERALIZED_TIME => digits.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", full).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a value with a short length.
    fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(contents.len()).unwrap()][..], contents].concat()
    }

    /// Returns the beginning of a certificate that ends then.
    fn certificate(version: &[u8], tag: u8, end: &str) -> Vec<u8> {
        let times = [der(UTC_TIME, b"200101000000Z"), der(tag, end.as_bytes())].concat();
        let fields = [
            version.to_vec(),
            der(2, &[1]),
            der(0x30, &[]),
            der(0x30, &[]),
            der(0x30, &times),
        ];
        let signed = fields.concat();
        // A long length, as every real certificate has.
        let signed = [&[0x30, 0x82, 0, u8::try_from(signed.len()).unwrap()][..], &signed].concat();
        der(0x30, &signed)
    }

    #[test]
    fn the_end_is_read_in_both_forms_and_all_versions() {
        let version = der(VERSION, &[2, 1, 2]);
        for (tag, written, told) in [
            (UTC_TIME, "491231235959Z", Some("2049-12-31T23:59:59Z")),
            (UTC_TIME, "500101000000Z", Some("1950-01-01T00:00:00Z")),
            (GENERALIZED_TIME, "20500101000000Z", Some("2050-01-01T00:00:00Z")),
            (GENERALIZED_TIME, "20501301000000Z", None),
            (2, "20500101000000Z", None),
        ] {
            let told = told.map(|told| told.parse::<Timestamp>().unwrap());
            assert_eq!(end(&certificate(&version, tag, written)), told, "{written}");
            assert_eq!(end(&certificate(&[], tag, written)), told, "{written}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let whole = certificate(&[], UTC_TIME, "300101000000Z");
        for length in 0..whole.len() {
            assert_eq!(end(whole.get(..length).unwrap()), None, "{length}");
        }
        assert!(end(&whole).is_some());
        assert_eq!(end(&[0x30, 0x85, 1, 1, 1, 1, 1]), None);
    }
}
