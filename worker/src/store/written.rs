//! The order of two bounds of a column.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::{Start, TimeBound};

impl TimeBound {
    /// Returns whether this bound is later than another, or cannot be compared with it.
    pub(crate) fn is_beyond(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::UpTo(time), Self::UpTo(other)) => order(time, other) != Some(Ordering::Less) && time != other,
            (Self::UpTo(_), Self::Unknown) => true,
            (Self::Unknown, _) => false,
        }
    }
}

impl Start {
    /// Returns whether one of its bounds is later than the other's, or cannot be compared with it.
    pub(crate) fn is_beyond(&self, other: &Self) -> bool {
        let changed = |start: &Self| start.changed.clone().unwrap_or(TimeBound::Unknown);
        self.written.is_beyond(&other.written) || changed(self).is_beyond(&changed(other))
    }
}

fn order(left: &str, right: &str) -> Option<Ordering> {
    if let (Ok(left), Ok(right)) = (left.parse::<Timestamp>(), right.parse::<Timestamp>()) {
        return Some(left.cmp(&right));
    }
    // A number of SQLite begins with its type: `i` (integer) or `r` (real).
    let [left, right] = [left, right].map(|text| text.strip_prefix(['i', 'r']).unwrap_or(text));
    if let (Ok(left), Ok(right)) = (left.parse::<i128>(), right.parse::<i128>()) {
        return Some(left.cmp(&right));
    }
    left.parse::<f64>().ok()?.partial_cmp(&right.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_compared_as_what_they_are() {
        for (earlier, later) in [
            ("999", "1000"),
            ("i999", "r1000.5"),
            ("1.5", "10"),
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z"),
        ] {
            let [earlier, later] = [earlier, later].map(|time| TimeBound::UpTo(time.to_owned()));
            assert!(later.is_beyond(&earlier) && !earlier.is_beyond(&later) && !later.is_beyond(&later));
            assert!(later.is_beyond(&TimeBound::Unknown) && !TimeBound::Unknown.is_beyond(&later));
        }
        let [one, other] = ["a", "b"].map(|time| TimeBound::UpTo(time.to_owned()));
        assert!(one.is_beyond(&other) && other.is_beyond(&one), "nobody can tell");
    }
}
