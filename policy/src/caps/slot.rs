//! One slot of the shared counts: some accounts, and what each has used of each cap in one minute.
//!
//! The bytes, numbers little-endian: number of accounts (u8), minute since the Unix epoch (u32), then for each
//! account: length of the name (u8), name, number of caps (u8), and for each cap its id (u64) and count (u32).

use std::time::Duration;

use crate::account::AccountName;

/// The most accounts in a slot. Accounts whose minute is over make room.
pub(super) const MAX_ACCOUNTS: usize = 32;

const SECONDS: u64 = 60;

/// How many minutes a clock may have stepped back for the counts to stay as they are. A larger step means that the
/// clock was wrong when they were written, and would lock accounts out for as long as it was wrong.
const STEP_BACK: u32 = 5;

/// A slot in the minute that now is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slot {
    minute: u32,
    accounts: Vec<Account>,
}

#[derive(Debug, PartialEq, Eq)]
struct Account {
    name: Vec<u8>,
    /// Cap's id and count.
    used: Vec<(u64, u32)>,
}

/// The slot has [`MAX_ACCOUNTS`] that are all in use.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl Slot {
    /// A slot that was never written; nothing for a time that no slot can hold.
    pub fn new(now: Duration) -> Option<Self> {
        Some(Self {
            minute: u32::try_from(now.as_secs() / SECONDS).ok()?,
            accounts: Vec::new(),
        })
    }

    /// Reads a slot; one of an earlier minute is empty. Nothing for bytes that no gate wrote, or only a part of them.
    ///
    /// A clock that steps back, by no more than [`STEP_BACK`], stays in the minute that was written: nothing is
    /// admitted twice.
    pub fn read(bytes: &[u8], now: Duration) -> Option<Self> {
        let fresh = Self::new(now)?;
        let (count, rest) = bytes.split_first()?;
        let (written, mut rest) = rest.split_first_chunk()?;
        let minute = u32::from_le_bytes(*written);
        if minute < fresh.minute {
            return Some(fresh);
        }
        let accounts = (0..*count)
            .map(|_| Account::read(&mut rest))
            .collect::<Option<_>>()?;
        if !rest.is_empty() {
            return None;
        }
        if minute - fresh.minute > STEP_BACK {
            return Some(fresh);
        }
        Some(Self { minute, accounts })
    }

    /// The slot's bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(self.accounts.len()).unwrap_or(u8::MAX)];
        bytes.extend_from_slice(&self.minute.to_le_bytes());
        for account in &self.accounts {
            account.write(&mut bytes);
        }
        bytes
    }

    /// Seconds until the minute is over; at least 1.
    pub fn seconds_left(&self, now: Duration) -> u32 {
        let end = (u64::from(self.minute) + 1) * SECONDS;
        let left = end.saturating_sub(now.as_secs()).max(1);
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// What an account has used of a cap.
    pub fn used(&self, account: &AccountName, cap: u64) -> u32 {
        self.accounts
            .iter()
            .find(|known| known.is(account))
            .and_then(|known| known.used.iter().find(|(id, _)| *id == cap))
            .map_or(0, |(_, count)| *count)
    }

    /// Adds one request.
    ///
    /// # Errors
    ///
    /// There is no room for another account.
    pub fn add_one(&mut self, account: &AccountName, cap: u64) -> Result<(), Full> {
        if let Some(known) = self.accounts.iter_mut().find(|known| known.is(account)) {
            match known.used.iter_mut().find(|(id, _)| *id == cap) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => known.used.push((cap, 1)),
            }
            return Ok(());
        }
        if self.accounts.len() >= MAX_ACCOUNTS {
            return Err(Full);
        }
        self.accounts.push(Account {
            name: account.as_str().as_bytes().to_vec(),
            used: vec![(cap, 1)],
        });
        Ok(())
    }
}

impl Account {
    fn is(&self, account: &AccountName) -> bool {
        self.name == account.as_str().as_bytes()
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::from(*bytes.split_off_first()?);
        let name = bytes.split_off(..length)?.to_vec();
        let caps = *bytes.split_off_first()?;
        let mut used = Vec::with_capacity(caps.into());
        for _ in 0..caps {
            let (id, rest) = bytes.split_first_chunk()?;
            let (count, rest) = rest.split_first_chunk()?;
            *bytes = rest;
            used.push((u64::from_le_bytes(*id), u32::from_le_bytes(*count)));
        }
        Some(Self { name, used })
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        // A name has at most 255 bytes, and the configuration few caps. Only caps that are renamed again and again
        // within one minute could be more; the first of them are no longer configured.
        let skip = self.used.len().saturating_sub(255);
        let used = self.used.get(skip..).unwrap_or_default();
        bytes.push(u8::try_from(self.name.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(&self.name);
        bytes.push(u8::try_from(used.len()).unwrap_or(u8::MAX));
        for (id, count) in used {
            bytes.extend_from_slice(&id.to_le_bytes());
            bytes.extend_from_slice(&count.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Duration = Duration::from_secs(1_800_000_030);

    fn account(name: &str) -> AccountName {
        AccountName::parse(name.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let mut slot = Slot::new(NOW).unwrap();
        slot.add_one(&account("acme"), 1).unwrap();
        slot.add_one(&account("acme"), 1).unwrap();
        slot.add_one(&account("acme"), 2).unwrap();
        slot.add_one(&account("globex"), 1).unwrap();
        let read = Slot::read(&slot.write(), NOW).unwrap();
        assert_eq!(read, slot);
        assert_eq!(read.used(&account("acme"), 1), 2);
        assert_eq!(read.used(&account("acme"), 2), 1);
        assert_eq!(read.used(&account("globex"), 2), 0);
    }

    #[test]
    fn a_part_of_a_slot_is_no_slot() {
        let mut slot = Slot::new(NOW).unwrap();
        slot.add_one(&account("acme"), 1).unwrap();
        slot.add_one(&account("globex"), 1).unwrap();
        let bytes = slot.write();
        for size in 0..bytes.len() {
            assert_eq!(Slot::read(&bytes[..size], NOW), None, "{size}");
        }
        assert_eq!(Slot::read(&[&bytes[..], b"x"].concat(), NOW), None);
    }

    #[test]
    fn a_minute_ends_and_never_begins_again() {
        let mut slot = Slot::new(NOW).unwrap();
        slot.add_one(&account("acme"), 1).unwrap();
        assert_eq!(slot.seconds_left(NOW), 30);
        let used = |now| {
            let slot = Slot::read(&slot.write(), now).unwrap();
            slot.used(&account("acme"), 1)
        };
        let seconds = Duration::from_secs;
        assert_eq!(used(NOW + seconds(29)), 1);
        assert_eq!(used(NOW + seconds(30)), 0);
        assert_eq!(used(NOW - seconds(5 * 60)), 1);
        assert_eq!(used(NOW - seconds(6 * 60)), 0, "the clock was wrong before");
    }

    #[test]
    fn a_full_slot_keeps_what_it_has() {
        let mut slot = Slot::new(NOW).unwrap();
        for number in 0..MAX_ACCOUNTS {
            slot.add_one(&account(&format!("a{number}")), 1).unwrap();
        }
        assert_eq!(slot.add_one(&account("one-more"), 1), Err(Full));
        assert_eq!(slot.add_one(&account("a0"), 1), Ok(()));
        assert_eq!(slot.used(&account("a0"), 1), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Slot::read(&bytes, Duration::ZERO);
        }
    }
}
