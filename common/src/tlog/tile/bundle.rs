//! Bundles: the entries beside a tile of level 0, each behind its length.

/// Writes a bundle. An entry of more than 65,535 bytes has no place in one.
pub fn bundle(entries: &[&str]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend(u16::try_from(entry.len()).ok()?.to_be_bytes());
        bytes.extend(entry.as_bytes());
    }
    Some(bytes)
}

/// Reads a bundle. One that ends within an entry is refused.
pub fn entries(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (entry, after) = first(rest)?;
        found.push(entry);
        rest = after;
    }
    Some(found)
}

/// Returns the first entries of a bundle that has more of them. A shorter bundle stays as it is.
pub fn beginning(bytes: &[u8], entries: u16) -> &[u8] {
    let mut rest = bytes;
    for _ in 0..entries {
        match first(rest) {
            Some((_, after)) => rest = after,
            None => return bytes,
        }
    }
    bytes.strip_suffix(rest).unwrap_or(bytes)
}

/// Splits the first entry off a bundle.
pub(in crate::tlog) fn first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bundle_has_lengths_in_two_bytes() {
        let long = "b".repeat(300);
        let bytes = bundle(&["a", "", &long]).unwrap();
        assert_eq!(bytes.get(..7), Some([0, 1, b'a', 0, 0, 1, 44].as_slice()));
        assert_eq!(
            entries(&bytes),
            Some(vec![b"a".as_slice(), b"".as_slice(), long.as_bytes()])
        );
        assert_eq!(bundle(&["c".repeat(65_536).as_str()]), None);
        assert_eq!(entries(&[]), Some(vec![]));
    }

    #[test]
    fn the_beginning_of_a_bundle_is_the_bundle_of_its_time() {
        let all = ["a", "bb", "", "bb"];
        let bytes = bundle(&all).unwrap();
        for entries in 0..=4_u16 {
            let expected = bundle(&all[..usize::from(entries)]).unwrap();
            assert_eq!(beginning(&bytes, entries), expected, "{entries}");
        }
        assert_eq!(beginning(&bytes, 5), bytes);
    }

    proptest! {
        #[test]
        fn a_bundle_that_ends_early_is_refused(texts in proptest::collection::vec("[a-z]{1,9}", 1..9), cut in 1..3_usize) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let bytes = bundle(&texts).unwrap();
            prop_assert_eq!(entries(&bytes).unwrap().len(), texts.len());
            // Every entry has two bytes of its length and one of its own at least.
            prop_assert_eq!(entries(&bytes[..bytes.len() - cut]), None);
        }
    }
}
