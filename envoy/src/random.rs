//! Secrets and numbers, from the system's generator.

use rsa::rand_core::{OsRng, RngCore};

/// `bytes` random bytes, in hexadecimal.
pub fn hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    OsRng.fill_bytes(&mut random);
    random
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// A number below `limit`; none where there is none.
pub fn below(limit: usize) -> Option<usize> {
    // The remainder prefers none by more than one in many billions.
    let limit = u64::try_from(limit).ok()?;
    usize::try_from(OsRng.next_u64().checked_rem(limit)?).ok()
}

/// Puts things into a random order.
pub fn shuffle<T>(things: &mut [T]) {
    for last in (1..things.len()).rev() {
        if let Some(chosen) = below(last + 1) {
            things.swap(chosen, last);
        }
    }
}

/// A number of 18 digits, as Zitadel gives to everything.
pub fn id() -> String {
    let number = 100_000_000_000_000_000 + OsRng.next_u64() % 900_000_000_000_000_000;
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_their_length_and_differ() {
        assert_eq!(hex(16).len(), 32);
        assert_ne!(hex(16), hex(16));
    }

    #[test]
    fn an_order_is_random_and_whole() {
        let mut things: Vec<_> = (0..100).collect();
        shuffle(&mut things);
        assert_ne!(things, (0..100).collect::<Vec<_>>());
        things.sort_unstable();
        assert_eq!(things, (0..100).collect::<Vec<_>>());
        assert_eq!((below(0), below(1)), (None, Some(0)));
    }

    #[test]
    fn ids_have_eighteen_digits() {
        assert_eq!(id().len(), 18);
        assert!(id().bytes().all(|byte| byte.is_ascii_digit()));
    }
}
