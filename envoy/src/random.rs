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
    fn ids_have_eighteen_digits() {
        assert_eq!(id().len(), 18);
        assert!(id().bytes().all(|byte| byte.is_ascii_digit()));
    }
}
