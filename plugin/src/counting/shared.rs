//! The caps' slots and the roster in Envoy's shared data, which all workers of one `vm_id` share. The names carry the
//! version of the form of what is written there: the host keeps it when the module changes.

use tollgate_policy::caps::{Roster, SLOTS, Store, StoreError, Version};

use crate::host::{self, Error};

const ROSTER: &str = "tollgate.caps.v2.workers";

const SLOT: &str = "tollgate.caps.v2.";

const NAME_BYTES: usize = SLOT.len() + 3;

const _: () = assert!(SLOTS <= 0x1000, "three digits");

/// How often a change of the roster is tried. Each failure means that another worker's succeeded.
const ATTEMPTS: usize = 1000;

/// The slots.
pub struct Slots;

impl Store for Slots {
    fn load(&self, slot: u32) -> Result<(Vec<u8>, Version), StoreError> {
        load(name(&mut [0; NAME_BYTES], slot))
    }

    fn swap(&self, slot: u32, bytes: &[u8], version: Version) -> Result<bool, StoreError> {
        swap(name(&mut [0; NAME_BYTES], slot), bytes, version)
    }
}

/// The roster as it is; nothing where nobody has counted yet.
pub(super) fn roster() -> Result<Option<Roster>, StoreError> {
    let (bytes, version) = load(ROSTER)?;
    match version {
        None => Ok(None),
        Some(_) => Roster::decode(&bytes).map(Some).ok_or(StoreError::Foreign),
    }
}

/// Changes the roster, which begins with the first change; gives it as it is now, and what came of the change. `change`
/// is asked again when another worker was faster.
pub(super) fn update_roster<T>(
    mut change: impl FnMut(&mut Roster) -> T,
) -> Result<(Roster, T), StoreError> {
    for _ in 0..ATTEMPTS {
        let (bytes, version) = load(ROSTER)?;
        let mut roster = match version {
            None => Roster::new(host::random().map_err(|_| StoreError::Unreachable)?),
            Some(_) => Roster::decode(&bytes).ok_or(StoreError::Foreign)?,
        };
        let made = change(&mut roster);
        if swap(ROSTER, &roster.encode(), version)? {
            return Ok((roster, made));
        }
    }
    Err(StoreError::Contended)
}

fn load(key: &str) -> Result<(Vec<u8>, Version), StoreError> {
    match host::shared_data(key) {
        Ok((bytes, version)) => Ok((bytes, Some(version))),
        Err(Error::NotFound) => Ok((Vec::new(), None)),
        Err(Error::Malformed | Error::Status(_)) => Err(StoreError::Unreachable),
    }
}

fn swap(key: &str, bytes: &[u8], version: Version) -> Result<bool, StoreError> {
    host::swap_shared_data(key, bytes, version).map_err(|_| StoreError::Unreachable)
}

/// A slot's name, with its number in hexadecimal. Written by hand, twice a request.
fn name(buffer: &mut [u8; NAME_BYTES], slot: u32) -> &str {
    let (prefix, digits) = buffer.split_at_mut(SLOT.len());
    prefix.copy_from_slice(SLOT.as_bytes());
    for (digit, shift) in digits.iter_mut().zip([8, 4, 0]) {
        let nibble = char::from_digit((slot >> shift) & 0xf, 16).unwrap_or_default();
        *digit = u8::try_from(nibble).unwrap_or_default();
    }
    str::from_utf8(buffer).unwrap_or(SLOT)
}
