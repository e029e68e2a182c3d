//! Medians and quartiles: on a busy machine a mean says how bad the worst moment was.

use serde::Serialize;

/// The middle of some numbers, and the range in which half of them are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quartiles {
    /// A quarter of the numbers is below.
    pub low: f64,
    /// Half of them is.
    pub median: f64,
    /// Three quarters are.
    pub high: f64,
}

// === impl Quartiles ===

impl Quartiles {
    /// Of these numbers, interpolated between neighbours; none where there are no numbers.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = numbers.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            low: quarter(&sorted, 1)?,
            median: quarter(&sorted, 2)?,
            high: quarter(&sorted, 3)?,
        })
    }
}

/// The number that so many per mille of these are not above; none where there are no numbers.
pub fn per_mille(numbers: &[f64], part: usize) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() * part).div_ceil(1000).max(1) - 1;
    sorted.get(place).copied()
}

/// The number at so many quarters of the way from the least to the greatest.
fn quarter(sorted: &[f64], quarters: usize) -> Option<f64> {
    let steps = sorted.len().checked_sub(1)? * quarters;
    let (below, above) = (sorted.get(steps / 4)?, sorted.get(steps.div_ceil(4))?);
    let weight = [0.0, 0.25, 0.5, 0.75].get(steps % 4)?;
    Some(below + (above - below) * weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quartiles(numbers: &[f64]) -> (f64, f64, f64) {
        let found = Quartiles::of(numbers.iter().copied()).unwrap();
        (found.low, found.median, found.high)
    }

    #[test]
    fn of_tables() {
        assert_eq!(quartiles(&[7.0]), (7.0, 7.0, 7.0));
        assert_eq!(quartiles(&[2.0, 1.0]), (1.25, 1.5, 1.75));
        assert_eq!(quartiles(&[3.0, 1.0, 2.0]), (1.5, 2.0, 2.5));
        assert_eq!(quartiles(&[4.0, 1.0, 3.0, 2.0]), (1.75, 2.5, 3.25));
        assert_eq!(quartiles(&[5.0, 1.0, 4.0, 2.0, 3.0]), (2.0, 3.0, 4.0));
    }

    #[test]
    fn one_bad_moment_changes_little() {
        assert_eq!(quartiles(&[1.0, 2.0, 3.0, 4.0, 1e9]), (2.0, 3.0, 4.0));
    }

    #[test]
    fn the_slowest_in_a_hundred() {
        let numbers: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!(per_mille(&numbers, 500), Some(100.0));
        assert_eq!(per_mille(&numbers, 990), Some(198.0));
        assert_eq!(per_mille(&[7.0], 990), Some(7.0));
        assert_eq!(per_mille(&[], 500), None);
    }

    #[test]
    fn of_nothing_there_is_nothing() {
        assert_eq!(Quartiles::of([]), None);
    }
}
