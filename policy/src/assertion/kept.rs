//! An assertion that is used for more than one request: signing takes longer than all else that a known caller costs.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use zeroize::Zeroizing;

use crate::account::AccountName;

/// A signed assertion. Whoever has it is believed for as long as it is valid, so it is erased when the last one drops it.
pub type Signed = Rc<Zeroizing<String>>;

/// The assertion that was signed last for one caller, by one key and for one audience. It is no part of who the caller
/// is: all are equal, and a copy is empty.
#[derive(Default)]
pub struct Kept(RefCell<Option<Last>>);

struct Last {
    account: AccountName,
    admin: bool,
    /// When it was signed, in seconds since the Unix epoch.
    from: u64,
    signed: Signed,
}

// === impl Kept ===

impl Kept {
    /// The longest assertion that is kept, in bytes: of usual names it has some 300.
    pub const LONGEST: usize = 512;

    /// The assertion for an account at `now` (seconds since the Unix epoch), where the last one was for that, and has
    /// more than half of its `ttl` seconds left; else a new one from `sign`, for later ones too.
    pub fn or_sign(
        &self,
        account: &AccountName,
        admin: bool,
        now: u64,
        ttl: u32,
        sign: impl FnOnce() -> Option<String>,
    ) -> Option<Signed> {
        let mut last = self.0.borrow_mut();
        // One of the future was signed before the clock stepped back.
        let is_young = |from: u64| {
            now.checked_sub(from)
                .is_some_and(|age| age < u64::from(ttl / 2))
        };
        if let Some(last) = &*last
            && last.admin == admin
            && last.account == *account
            && is_young(last.from)
        {
            return Some(Rc::clone(&last.signed));
        }
        let signed = Rc::new(Zeroizing::new(sign()?));
        *last = (signed.len() <= Self::LONGEST).then(|| Last {
            account: account.clone(),
            admin,
            from: now,
            signed: Rc::clone(&signed),
        });
        Some(signed)
    }
}

impl Clone for Kept {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Kept {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Kept {}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: u32 = 60;

    fn account(name: &str) -> AccountName {
        AccountName::parse(name.as_bytes()).unwrap()
    }

    /// Which signature, by its number, each of these requests goes on with.
    fn signatures(requests: &[(&str, bool, u64)]) -> Vec<String> {
        let kept = Kept::default();
        let mut number = 0;
        let mut ask = |(name, admin, now): &(&str, bool, u64)| {
            let sign = || {
                number += 1;
                Some(number.to_string())
            };
            let signed = kept.or_sign(&account(name), *admin, *now, TTL, sign);
            signed.unwrap().to_string()
        };
        requests.iter().map(&mut ask).collect()
    }

    #[test]
    fn it_is_used_for_half_of_its_life() {
        let at = |now| ("acme", false, now);
        let signed = signatures(&[at(100), at(100), at(129), at(130), at(159), at(160)]);
        assert_eq!(signed, ["1", "1", "1", "2", "2", "3"]);
    }

    #[test]
    fn a_clock_that_steps_back_makes_it_no_older() {
        assert_eq!(
            signatures(&[("acme", false, 100), ("acme", false, 99)]),
            ["1", "2"]
        );
    }

    #[test]
    fn it_is_for_one_account_and_one_role() {
        let signed = signatures(&[
            ("acme", false, 100),
            ("globex", false, 100),
            ("acme", false, 100),
            ("acme", true, 100),
            ("acme", true, 101),
            ("acme", false, 101),
        ]);
        assert_eq!(signed, ["1", "2", "3", "4", "4", "5"]);
    }

    #[test]
    fn a_long_one_is_not_kept() {
        let kept = Kept::default();
        let mut signed = 0;
        for _ in 0..2 {
            let sign = || {
                signed += 1;
                Some("a".repeat(Kept::LONGEST + 1))
            };
            assert!(
                kept.or_sign(&account("acme"), false, 1, TTL, sign)
                    .is_some()
            );
        }
        assert_eq!(signed, 2);
    }
}
