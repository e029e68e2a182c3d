//! The text of a long-lived key: `<prefix><account>_<secret>`, where the secret is what nobody can guess, and a
//! checksum of all before it.
//!
//! An account's name may contain `_`; the secret has a fixed length and none. So a key is read from the right.

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

/// How many random bytes a key is made of.
pub const ENTROPY: usize = 24;

/// Characters that [`ENTROPY`] bytes take: 62^33 is more than 2^192.
const RANDOM: usize = 33;

/// Characters that 32 bits take.
const CHECKSUM: usize = 6;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key of the right form. Whether it is anybody's, only who has issued it knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ApiKey<'a> {
    account: &'a [u8],
}

/// A key that was not copied whole, or is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedKey {
    /// No account and secret of the right length and characters follow the prefix.
    #[error("a key is its prefix, an account, `_`, and 39 letters and digits")]
    Form,
    /// The last six characters do not belong to the ones before them.
    #[error("the key's checksum is wrong: a character was changed or lost")]
    Checksum,
}

// === impl ApiKey ===

impl<'a> ApiKey<'a> {
    /// Reads a key that begins with `prefix`; none for text that does not.
    ///
    /// # Errors
    ///
    /// [`MalformedKey`], for what begins so and is no key.
    ///
    /// ```
    /// # use tollgate_policy::api_key::ApiKey;
    /// let key = ApiKey::write("sk_live_", "my_shop", &[7; 24]);
    /// let read = ApiKey::read("sk_live_", key.as_bytes());
    /// assert_eq!(read.unwrap().unwrap().account(), b"my_shop");
    /// ```
    pub fn read(prefix: &str, text: &'a [u8]) -> Option<Result<Self, MalformedKey>> {
        let rest = text.strip_prefix(prefix.as_bytes())?;
        Some(Self::read_after(rest, text))
    }

    /// The key for an account, of so many random bytes.
    pub fn write(prefix: &str, account: &str, entropy: &[u8; ENTROPY]) -> String {
        let random = base62::<RANDOM>(entropy);
        let unchecked = format!("{prefix}{account}_{random}");
        let checksum = checksum(unchecked.as_bytes());
        unchecked + &checksum
    }

    /// The name between the prefix and the secret, as it stands there; not necessarily one that an account can have.
    pub fn account(&self) -> &'a [u8] {
        self.account
    }

    fn read_after(rest: &'a [u8], text: &[u8]) -> Result<Self, MalformedKey> {
        let (account, secret) = rest
            .len()
            .checked_sub(1 + RANDOM + CHECKSUM)
            .and_then(|account| rest.split_at_checked(account))
            .ok_or(MalformedKey::Form)?;
        let [b'_', secret @ ..] = secret else {
            return Err(MalformedKey::Form);
        };
        if account.is_empty() || !secret.iter().all(u8::is_ascii_alphanumeric) {
            return Err(MalformedKey::Form);
        }
        let (before, found) = text
            .len()
            .checked_sub(CHECKSUM)
            .and_then(|before| text.split_at_checked(before))
            .ok_or(MalformedKey::Form)?;
        if checksum(before).as_bytes() != found {
            return Err(MalformedKey::Checksum);
        }
        Ok(Self { account })
    }
}

/// CRC-32 as in ISO 3309, in base 62: it finds every mistyped character, and keeps no secret.
fn checksum(text: &[u8]) -> String {
    const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);
    base62::<CHECKSUM>(&CRC.checksum(text).to_be_bytes())
}

/// A number, its most significant byte first, as `DIGITS` digits.
fn base62<const DIGITS: usize>(number: &[u8]) -> String {
    let mut number = number.to_vec();
    let mut digits: Vec<char> = (0..DIGITS)
        .map(|_| {
            let mut remainder = 0;
            for byte in &mut number {
                let dividend = remainder << 8 | u16::from(*byte);
                // Both fit: the remainder before was less than 62.
                *byte = u8::try_from(dividend / 62).unwrap_or_default();
                remainder = dividend % 62;
            }
            let digit = ALPHABET.get(usize::from(remainder));
            char::from(digit.copied().unwrap_or_default())
        })
        .collect();
    digits.reverse();
    digits.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PREFIX: &str = "sk_live_";

    fn read(text: &str) -> Option<Result<&str, MalformedKey>> {
        let read = ApiKey::read(PREFIX, text.as_bytes());
        read.map(|key| key.map(|key| str::from_utf8(key.account()).unwrap()))
    }

    #[test]
    fn what_is_written_stays_so() {
        // Keys live for years: a change of the form would end them all.
        let key = "sk_live_acme_04hRzgefUy8S7YcHUrJGoeiJTKldGueU33OtP6E";
        assert_eq!(ApiKey::write(PREFIX, "acme", &[7; ENTROPY]), key);
        assert_eq!(read(key), Some(Ok("acme")));
    }

    #[test]
    fn what_begins_otherwise_is_no_key() {
        for text in ["", "eyJ", "pk_live_acme_x", "sk_live", "SK_LIVE_acme_x"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_too_short_or_odd_is_malformed() {
        let key = ApiKey::write(PREFIX, "acme", &[7; ENTROPY]);
        let table = [
            PREFIX.to_owned(),
            format!("{PREFIX}acme"),
            key.replacen("acme", "", 1),
            key.replacen("acme_", "", 1),
            format!("{}-", &key[..key.len() - 1]),
            format!("{}é", &key[..key.len() - 2]),
        ];
        for text in table {
            assert_eq!(read(&text), Some(Err(MalformedKey::Form)), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_key_names_its_account(account in "[a-z0-9][a-z0-9_-]{0,62}", entropy: [u8; ENTROPY]) {
            let key = ApiKey::write(PREFIX, &account, &entropy);
            prop_assert_eq!(read(&key), Some(Ok(account.as_str())));
            prop_assert_eq!(key.len(), PREFIX.len() + account.len() + 40);
        }

        #[test]
        fn one_mistake_is_found(
            account in "[a-z0-9][a-z0-9_-]{0,20}",
            entropy: [u8; ENTROPY],
            at: prop::sample::Index,
            byte: u8,
        ) {
            let key = ApiKey::write(PREFIX, &account, &entropy).into_bytes();
            let mut wrong = key.clone();
            let at = PREFIX.len() + at.index(key.len() - PREFIX.len());
            wrong[at] = byte;
            prop_assume!(wrong != key);
            prop_assert!(matches!(ApiKey::read(PREFIX, &wrong), Some(Err(_))));
        }

        #[test]
        fn anything_can_be_read(text: Vec<u8>) {
            let _ = ApiKey::read("", &text);
        }
    }
}
