//! Chance that can be had again: whoever knows the seed knows all that follows.

/// A source of numbers (SplitMix64, Steele, Lea and Flood 2014): not for secrets.
#[derive(Clone, Debug)]
pub(super) struct Chance(u64);

// === impl Chance ===

impl Chance {
    /// From a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `limit`; 0 where there is none below.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.number() % limit).unwrap_or(0)
    }

    /// Whether one of so many cases.
    pub(super) fn one_in(&mut self, cases: usize) -> bool {
        self.below(cases) == 0
    }

    /// One of several things; none of none.
    pub(super) fn pick<'t, T>(&mut self, things: &'t [T]) -> Option<&'t T> {
        things.get(self.below(things.len()))
    }

    /// One of several values.
    #[expect(clippy::indexing_slicing, reason = "it is below their number")]
    pub(super) fn value<T: Clone, const N: usize>(&mut self, things: [T; N]) -> T {
        const { assert!(N > 0) };
        things[self.below(N)].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_all() {
        let numbers = |seed| {
            let mut chance = Chance::new(seed);
            (0..50).map(|_| chance.below(10)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
        assert!((0..10).all(|number| numbers(1).contains(&number)));
    }
}
