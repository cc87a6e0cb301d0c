//! The order in which an auditor reads a log: each file once, entries from the first to the last.

use super::tile::{FULL, Part, TileId, needed};

/// The files of a log, in an auditor's order.
///
/// The partial tiles come first, since they lead to the root. Then each tile comes before the ones below it, and each
/// bundle after the tile with its hashes.
#[derive(Debug, Clone)]
pub struct Walk {
    /// What is still to do, the next last.
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    One(Part),
    /// Full tiles of a level, from `next` to before `end`, with all below them.
    Tiles {
        level: u8,
        next: u64,
        end: u64,
    },
}

/// Returns the files of a log with `size` entries.
pub fn parts(size: u64) -> Walk {
    let mut edge = needed(size);
    // The highest tile has the first entries.
    edge.reverse();
    let tiles = edge.iter().map(|tile| Step::One(Part::Tile(*tile)));
    let mut steps: Vec<Step> = tiles.chain(edge.iter().map(below)).collect();
    steps.reverse();
    Walk { steps }
}

/// Returns what is below the hashes of a tile: the entries, or tiles of the level below.
fn below(tile: &TileId) -> Step {
    match tile.level.checked_sub(1) {
        None => Step::One(Part::Bundle {
            n: tile.n,
            width: tile.width,
        }),
        Some(level) => {
            let next = tile.n.saturating_mul(FULL.into());
            let end = next.saturating_add(tile.width.into());
            Step::Tiles { level, next, end }
        }
    }
}

impl Iterator for Walk {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        let (level, next, end) = match self.steps.pop()? {
            Step::One(part) => return Some(part),
            Step::Tiles { level, next, end } => (level, next, end),
        };
        let after = next.saturating_add(1);
        if after < end {
            self.steps.push(Step::Tiles {
                level,
                next: after,
                end,
            });
        }
        let tile = TileId {
            level,
            n: next,
            width: FULL,
        };
        self.steps.push(below(&tile));
        Some(Part::Tile(tile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(size: u64) -> Vec<String> {
        parts(size).map(Part::path).collect()
    }

    #[test]
    fn a_small_log_has_a_partial_tile_and_its_entries() {
        assert!(paths(0).is_empty());
        assert_eq!(paths(3), ["0/000.p/3", "entries/000.p/3"]);
        assert_eq!(paths(256), ["1/000.p/1", "0/000", "entries/000"]);
        let two = [
            "1/000.p/2",
            "0/002.p/1",
            "0/000",
            "entries/000",
            "0/001",
            "entries/001",
            "entries/002.p/1",
        ];
        assert_eq!(paths(513), two);
    }

    #[test]
    fn a_large_log_is_read_once_from_the_first_entry_to_the_last() {
        let size = 3 * 65_536 + 2 * 256 + 7;
        let mut entries = 0;
        let mut tiles = std::collections::BTreeSet::new();
        for part in parts(size) {
            match part {
                Part::Bundle { n, width } => {
                    assert_eq!(n * 256, entries);
                    entries += u64::from(width);
                }
                Part::Tile(tile) => assert!(tiles.insert(tile), "{}", tile.path()),
            }
        }
        assert_eq!(entries, size);
        for tile in &tiles {
            assert_eq!(TileId::at(tile.level, tile.n, size), Some(*tile));
        }
        assert_eq!(tiles.len(), 3 * 256 + 2 + 1 + 3 + 1 + 1);
    }

    #[test]
    fn the_order_of_a_vast_log_takes_no_memory() {
        let mut walk = parts(1 << 62);
        assert_eq!(walk.by_ref().take(100_000).count(), 100_000);
        assert!(walk.steps.len() < 20, "{}", walk.steps.len());
    }
}
