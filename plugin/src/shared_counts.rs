//! The caps' slots in Envoy's shared data, which all workers of one `vm_id` share.

use tollgate_policy::caps::{Store, StoreError, Version};

use crate::host::{self, Error};

/// Slots under names that carry the version of their form: the host keeps them when the module changes.
pub struct SharedCounts;

impl Store for SharedCounts {
    fn load(&self, slot: u32) -> Result<(Vec<u8>, Version), StoreError> {
        match host::shared_data(&name(slot)) {
            Ok((bytes, version)) => Ok((bytes, Some(version))),
            Err(Error::NotFound) => Ok((Vec::new(), None)),
            Err(Error::Malformed | Error::Status(_)) => Err(StoreError),
        }
    }

    fn swap(&self, slot: u32, bytes: &[u8], version: Version) -> Result<bool, StoreError> {
        host::swap_shared_data(&name(slot), bytes, version).map_err(|_| StoreError)
    }
}

fn name(slot: u32) -> String {
    format!("tollgate.caps.v1.{slot}")
}
