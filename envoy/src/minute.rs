//! Minutes of the clock, in which caps count.

use std::time::{SystemTime, UNIX_EPOCH};

/// Does something within one minute of the clock (UTC): if the minute ends meanwhile, once more. `attempt` gets the
/// number of times that it was done before, so that nothing is counted twice: each can have an account of its own.
pub fn within_one<T>(mut attempt: impl FnMut(usize) -> T) -> T {
    within_one_of(minute, &mut attempt)
}

fn within_one_of<T>(mut clock: impl FnMut() -> u64, attempt: &mut impl FnMut(usize) -> T) -> T {
    let mut number = 0;
    loop {
        let before = clock();
        let outcome = attempt(number);
        if clock() == before {
            return outcome;
        }
        number += 1;
    }
}

fn minute() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs() / 60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_in_two_minutes_is_done_again() {
        let mut readings = [1, 2, 2, 3, 3, 3].into_iter();
        let clock = || readings.next().unwrap();
        assert_eq!(within_one_of(clock, &mut |number| number), 2);
    }
}
