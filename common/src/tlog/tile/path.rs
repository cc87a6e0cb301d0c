//! The paths of tiles and bundles.

use super::{FULL, TOP, TileId};

/// The first part of a bundle's path, in the place of a level.
const ENTRIES: &str = "entries";

/// A file of a log, beside its checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Hashes.
    Tile(TileId),
    /// Entries.
    Bundle {
        /// Its place: that of the tile of level 0 with the hashes of its entries.
        n: u64,
        /// How many entries it has: 1 to 256.
        width: u16,
    },
}

impl Part {
    /// Returns the path below `tile/`, such as `0/x001/x234/067.p/5` or `entries/000`.
    pub fn path(self) -> String {
        let (kind, n, width) = match self {
            Self::Tile(tile) => (tile.level.to_string(), tile.n, tile.width),
            Self::Bundle { n, width } => (ENTRIES.to_owned(), n, width),
        };
        let partial = if width < FULL {
            format!(".p/{width}")
        } else {
            String::new()
        };
        format!("{kind}/{}{partial}", place(n))
    }

    /// Reads a path below `tile/`. Each part has one spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('/')?;
        let (groups, width) = match rest.rsplit_once(".p/") {
            Some((groups, width)) => (groups, width.parse::<u16>().ok()?),
            None => (rest, FULL),
        };
        let n = groups.split('/').try_fold(0_u64, |n, group| {
            let digits: u16 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
            n.checked_mul(1_000)?.checked_add(digits.into())
        })?;
        let part = if kind == ENTRIES {
            Self::Bundle { n, width }
        } else {
            let level = kind.parse::<u8>().ok().filter(|level| *level <= TOP)?;
            Self::Tile(TileId { level, n, width })
        };
        (width > 0 && part.path() == text).then_some(part)
    }

    /// Returns the same part with all that it can hold.
    #[must_use]
    pub fn full(self) -> Self {
        match self {
            Self::Tile(tile) => Self::Tile(TileId { width: FULL, ..tile }),
            Self::Bundle { n, .. } => Self::Bundle { n, width: FULL },
        }
    }
}

/// Writes a number in groups of three digits. A directory for each group but the last stays small.
fn place(n: u64) -> String {
    let mut groups = vec![format!("{:03}", n % 1_000)];
    let mut rest = n / 1_000;
    while rest > 0 {
        groups.push(format!("x{:03}", rest % 1_000));
        rest /= 1_000;
    }
    groups.reverse();
    groups.join("/")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tile(level: u8, n: u64, width: u16) -> Part {
        Part::Tile(TileId { level, n, width })
    }

    #[test]
    fn a_path_is_as_the_specification_has_it() {
        for (part, path) in [
            (tile(0, 1_234_067, FULL), "0/x001/x234/067"),
            (tile(0, 0, FULL), "0/000"),
            (tile(1, 999, 17), "1/999.p/17"),
            (tile(63, 1_000, 255), "63/x001/000.p/255"),
            (Part::Bundle { n: 273, width: 112 }, "entries/273.p/112"),
            (
                Part::Bundle {
                    n: 1_234_067,
                    width: FULL,
                },
                "entries/x001/x234/067",
            ),
        ] {
            assert_eq!(part.path(), path);
            assert_eq!(Part::parse(path), Some(part));
        }
    }

    #[test]
    fn another_spelling_of_a_path_is_refused() {
        for path in [
            "",
            "0",
            "0/",
            "0/0",
            "0/0000",
            "00/000",
            "+0/000",
            "64/000",
            "256/000",
            "-1/000",
            "0/x000/001",
            "0/001/002",
            "0/x001",
            "0/+01",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/",
            "0/000.p/1/",
            "0/000/",
            "0//000",
            "0/../000",
            "entries",
            "entries/",
            "Entries/000",
            "0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(Part::parse(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_path_leads_back_to_its_part(level in 0..=63_u8, n in any::<u64>(), width in 1..=256_u16) {
            let part = tile(level, n, width);
            prop_assert_eq!(Part::parse(&part.path()), Some(part));
            let part = Part::Bundle { n, width };
            prop_assert_eq!(Part::parse(&part.path()), Some(part));
        }

        #[test]
        fn no_text_stops_the_reader(text in "[0-9x./pentris]{0,40}") {
            if let Some(part) = Part::parse(&text) {
                prop_assert_eq!(part.path(), text);
            }
        }
    }
}
