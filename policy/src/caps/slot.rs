//! One slot of the shared counts: some accounts, and what each has used.
//!
//! The bytes, numbers little-endian: number of accounts (u16), then for each account: length of the name (u8), name,
//! length of its tally (u32), tally.

use std::ops::Range;
use std::time::Duration;

use super::roster::Attendance;
use super::tally::Tally;
use crate::account::AccountName;

/// A slot as it was read, and where in it one account is.
pub(super) struct Slot<'a> {
    bytes: &'a [u8],
    accounts: u16,
    account: &'a AccountName,
    /// The account's entry; empty, at the end, where it has none.
    own: Range<usize>,
    tally: Option<&'a [u8]>,
}

/// What is left of a slot without the accounts that use nothing any more.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tidied {
    /// How many accounts there are.
    pub accounts: u16,
    /// Its bytes; none where nothing has changed.
    pub bytes: Option<Vec<u8>>,
    /// Seconds until another account uses nothing any more.
    pub seconds_used: u32,
}

struct Entry<'a> {
    name: &'a [u8],
    tally: &'a [u8],
}

// === impl Slot ===

impl<'a> Slot<'a> {
    /// Reads a slot; no bytes: it was never written. Nothing for bytes that no gate wrote, or only a part of them.
    pub fn read(bytes: &'a [u8], account: &'a AccountName) -> Option<Self> {
        let (accounts, mut rest) = header(bytes)?;
        let mut slot = Self {
            bytes,
            accounts,
            account,
            own: bytes.len()..bytes.len(),
            tally: None,
        };
        for _ in 0..accounts {
            let start = bytes.len() - rest.len();
            let entry = Entry::read(&mut rest)?;
            if entry.name == account.as_str().as_bytes() {
                slot.own = start..bytes.len() - rest.len();
                slot.tally = Some(entry.tally);
            }
        }
        rest.is_empty().then_some(slot)
    }

    /// Whose it is read for.
    pub fn account(&self) -> &'a AccountName {
        self.account
    }

    /// Whether the account is in it.
    pub fn has_account(&self) -> bool {
        self.tally.is_some()
    }

    /// Whether no other account is in it.
    pub fn is_alone(&self) -> bool {
        self.accounts <= u16::from(self.has_account())
    }

    /// What the account has used, if it is in the slot; nothing for bytes that no gate wrote.
    pub fn tally(&self) -> Option<Option<Tally>> {
        match self.tally {
            Some(bytes) => Tally::read(bytes).map(Some),
            None => Some(None),
        }
    }

    /// The slot's bytes, with what the account has used now.
    pub fn with(&self, tally: &Tally) -> Vec<u8> {
        let before = self.bytes.get(..self.own.start).unwrap_or_default();
        let after = self.bytes.get(self.own.end..).unwrap_or_default();
        let others = self.accounts.saturating_sub(self.tally.is_some().into());
        let accounts = others.saturating_add((!tally.is_empty()).into());
        let mut bytes = Vec::with_capacity(self.bytes.len() + 128);
        bytes.extend_from_slice(&accounts.to_le_bytes());
        bytes.extend_from_slice(before.get(size_of::<u16>()..).unwrap_or_default());
        if !tally.is_empty() {
            let name = self.account.as_str().as_bytes();
            // A name has at most 255 bytes.
            bytes.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(name);
            let start = bytes.len();
            bytes.extend_from_slice(&[0; size_of::<u32>()]);
            tally.write(&mut bytes);
            let length = bytes.len() - start - size_of::<u32>();
            let length = u32::try_from(length).unwrap_or(u32::MAX);
            if let Some(place) = bytes.get_mut(start..start + size_of::<u32>()) {
                place.copy_from_slice(&length.to_le_bytes());
            }
        }
        bytes.extend_from_slice(after);
        bytes
    }
}

/// Drops the accounts that use nothing any more, nor did a time of `grace` ago; nothing for bytes that no gate wrote.
pub(super) fn tidy(
    bytes: &[u8],
    now: Duration,
    grace: Duration,
    workers: &impl Attendance,
) -> Option<Tidied> {
    let (accounts, mut rest) = header(bytes)?;
    let mut kept = 0_u16;
    let mut out = vec![0; size_of::<u16>()];
    let mut seconds_used = u32::MAX;
    for _ in 0..accounts {
        let start = rest;
        let entry = Entry::read(&mut rest)?;
        let mut tally = Tally::read(entry.tally)?;
        tally.tidy(workers);
        let before = tally.clone().at(now.saturating_sub(grace))?;
        let tally = tally.at(now)?;
        if !tally.is_empty() || !before.is_empty() {
            kept += 1;
            seconds_used = seconds_used.min(tally.seconds_used(now));
            out.extend_from_slice(start.get(..start.len() - rest.len()).unwrap_or_default());
        }
    }
    if !rest.is_empty() {
        return None;
    }
    if let Some(place) = out.first_chunk_mut() {
        *place = kept.to_le_bytes();
    }
    Some(Tidied {
        accounts: kept,
        bytes: (kept != accounts).then_some(out),
        seconds_used: if kept == 0 { 1 } else { seconds_used },
    })
}

fn header(bytes: &[u8]) -> Option<(u16, &[u8])> {
    if bytes.is_empty() {
        return Some((0, bytes));
    }
    let (accounts, rest) = bytes.split_first_chunk()?;
    Some((u16::from_le_bytes(*accounts), rest))
}

impl<'a> Entry<'a> {
    fn read(bytes: &mut &'a [u8]) -> Option<Self> {
        let length = *bytes.split_off_first()?;
        let name = bytes.split_off(..usize::from(length))?;
        let (length, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let tally = bytes.split_off(..length)?;
        Some(Self { name, tally })
    }
}
