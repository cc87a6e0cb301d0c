//! Which parts of a tree a proof consists of (RFC 6962, sections 2.1.1 and 2.1.2): numbers only, no hashes.

/// Entries of a log: the first, and the one after the last.
pub(super) type Range = (u64, u64);

/// Cuts a subtree into complete subtrees, the largest first. Returns their first entries and heights.
/// A range that is no subtree has none.
pub(super) fn complete((start, end): Range) -> Option<Vec<(u64, u32)>> {
    let length = end.checked_sub(start).filter(|length| *length > 0)?;
    // A subtree begins at a multiple of its width, or of the next power of two for one that is not complete.
    if !start.is_multiple_of(length.checked_next_power_of_two()?) {
        return None;
    }
    let mut found = Vec::new();
    let mut next = start;
    while next < end {
        let height = (end - next).ilog2();
        found.push((next, height));
        next += 1 << height;
    }
    Some(found)
}

/// Returns the largest power of two below a length of two or more.
fn half(length: u64) -> u64 {
    1 << (length - 1).ilog2()
}

/// Returns the subtrees beside the way from an entry up to the root.
pub(super) fn inclusion(index: u64, size: u64) -> Option<Vec<Range>> {
    if index >= size {
        return None;
    }
    let (mut start, mut end) = (0, size);
    let mut siblings = Vec::new();
    while end - start > 1 {
        let middle = start + half(end - start);
        if index < middle {
            siblings.push((middle, end));
            end = middle;
        } else {
            siblings.push((start, middle));
            start = middle;
        }
    }
    siblings.reverse();
    Some(siblings)
}

/// Returns the subtrees that lead from an older size to the root of a newer one.
pub(super) fn consistency(old: u64, new: u64) -> Option<Vec<Range>> {
    if old > new {
        return None;
    }
    let (mut start, mut end) = (0, new);
    let mut found = Vec::new();
    // An empty log is the beginning of every log: nothing needs a proof.
    while end != old && old > 0 {
        let middle = start + half(end - start);
        if old <= middle {
            found.push((middle, end));
            end = middle;
        } else {
            found.push((start, middle));
            start = middle;
        }
    }
    // The reader of a proof has the older root.
    if start > 0 {
        found.push((start, end));
    }
    found.reverse();
    Some(found)
}
