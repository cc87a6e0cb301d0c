//! Random choices that a seed repeats exactly, on every machine and with every version of every library.

use std::time::Duration;

/// A source of random choices (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Random(u64);

/// The step of the sequence: 2^64 divided by the golden ratio, as its authors chose.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Spreads each bit over all others.
fn mixed(value: u64) -> u64 {
    let mut mixed = value;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Random {
    /// Returns the source of one world of a run.
    pub fn of(seed: u64, world: u64) -> Self {
        // Both are mixed: two sources that differ by a step would have the same sequence but for its beginning.
        Self(mixed(mixed(seed) ^ world))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mixed(self.0)
    }

    /// Returns a number below `end`, which is not zero.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a length fits 64 bits");
        usize::try_from(self.next() % end).expect("it is below a length")
    }

    /// Returns a number below `end`, to be written into a row.
    pub fn number(&mut self, end: usize) -> i64 {
        i64::try_from(self.below(end)).expect("it is below a length")
    }

    /// Returns `true` in `often` percent of calls.
    pub fn percent(&mut self, often: usize) -> bool {
        self.below(100) < often
    }

    /// Returns one of these values, of at least one.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Returns one of these values, in proportion to the weights.
    pub fn weighted<T: Copy>(&mut self, of: &[(usize, T)]) -> T {
        let mut left = self.below(of.iter().map(|(weight, _)| weight).sum());
        for (weight, value) in of {
            if left < *weight {
                return *value;
            }
            left -= weight;
        }
        of[of.len() - 1].1
    }

    /// Returns a time between two, evenly by its logarithm: short and long times are equally frequent.
    pub fn log_uniform(&mut self, [shortest, longest]: [Duration; 2]) -> Duration {
        let bits = u32::try_from(self.next() >> 32).expect("32 bits are left");
        let part = f64::from(bits) / (f64::from(u32::MAX) + 1.0);
        shortest.mul_f64((longest.as_secs_f64() / shortest.as_secs_f64()).powf(part))
    }

    /// Returns a time below `longest`, evenly.
    pub fn time(&mut self, longest: Duration) -> Duration {
        let bits = u32::try_from(self.next() >> 32).expect("32 bits are left");
        longest.mul_f64(f64::from(bits) / (f64::from(u32::MAX) + 1.0))
    }

    /// Returns a UUID that no other world has.
    pub fn uuid(&mut self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes((u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes())
            .into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_choices() {
        let draw = |seed, world| {
            let mut random = Random::of(seed, world);
            [0; 8].map(|_| random.below(1_000))
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn neighbours_have_no_choice_in_common() {
        let draw = |world| {
            let mut random = Random::of(1, world);
            std::iter::repeat_with(|| random.uuid())
                .take(1_000)
                .collect::<std::collections::HashSet<_>>()
        };
        let worlds: Vec<_> = (0..20).map(draw).collect();
        let all: std::collections::HashSet<_> = worlds.iter().flatten().collect();
        assert_eq!(all.len(), 20_000);
    }

    #[test]
    fn half_of_the_times_are_below_the_middle_of_their_logarithms() {
        let [shortest, longest] = [1, 100].map(Duration::from_secs);
        let mut random = Random::of(1, 1);
        let times = std::iter::repeat_with(|| random.log_uniform([shortest, longest])).take(10_000);
        let times: Vec<_> = times.collect();
        assert!(times.iter().all(|time| (shortest..longest).contains(time)));
        let below = times.iter().filter(|time| **time < Duration::from_secs(10)).count();
        assert!((4_800..5_200).contains(&below), "{below}");
    }

    #[test]
    fn a_weight_of_zero_is_never_chosen() {
        let mut random = Random::of(1, 1);
        assert!((0..1_000).all(|_| random.weighted(&[(0, false), (3, true), (0, false)])));
    }
}
