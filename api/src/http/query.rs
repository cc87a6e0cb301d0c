//! The query of a URL, after the question mark.

use super::problem::Problem;

/// Refuses a query that does not decode to UTF-8.
// The parser would put U+FFFD in place of wrong bytes. No memory has such an owner, so the job would erase nothing and
// succeed.
pub(crate) fn utf8(query: &str) -> Result<(), Problem> {
    let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16)?).ok();
    let mut decoded = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => digit(*high).zip(digit(*low)),
            _ => None,
        };
        decoded.push(escaped.map_or(*first, |(high, low)| high << 4 | low));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    let refused = |_| Problem::invalid("the query", "write its values as percent-encoded UTF-8");
    String::from_utf8(decoded).map(drop).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::utf8;

    #[test]
    fn a_query_is_utf_8() {
        for fine in [
            "",
            "owner=M%C3%BCller",
            "owner=%",
            "owner=%4",
            "owner=%zz",
            "a=%EF%BF%BD",
        ] {
            assert!(utf8(fine).is_ok(), "{fine}");
        }
        for wrong in ["owner=M%FCller", "owner=%c3", "owner=%C3x%BC", "%ff"] {
            assert!(utf8(wrong).is_err(), "{wrong}");
        }
    }
}
