//! Shared data: what all workers of one `vm_id` can read and swap (`shared_data.cc` in proxy-wasm-cpp-host).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::status::{self, Status};

/// A store of shared data; a clone is the same store.
#[derive(Clone, Debug, Default)]
pub struct SharedData(Arc<Mutex<Store>>);

#[derive(Debug, Default)]
struct Store {
    entries: BTreeMap<String, (Vec<u8>, u32)>,
    /// One counter for all keys.
    last: u32,
}

// === impl SharedData ===

impl SharedData {
    /// A key's value and version.
    pub fn get(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.store().entries.get(key).cloned()
    }

    /// Writes a value, if `version` is 0 or the entry's. A key that is not there is written whatever the version.
    pub fn set(&self, key: &str, value: &[u8], version: u32) -> Status {
        let mut store = self.store();
        if let Some((_, current)) = store.entries.get(key)
            && version != 0
            && version != *current
        {
            return status::CAS_MISMATCH;
        }
        store.last += 1;
        let entry = (value.to_vec(), store.last);
        store.entries.insert(key.to_owned(), entry);
        status::OK
    }

    /// All keys but those of what the log has said, on which no decision depends.
    pub fn keys(&self) -> Vec<String> {
        let store = self.store();
        let keys = store.entries.keys();
        let keys = keys.filter(|key| !key.starts_with("tollgate.said."));
        keys.cloned().collect()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swaps_are_as_envoys() {
        let data = SharedData::default();
        let never = u32::MAX;
        assert_eq!(data.set("k", b"1", never), status::OK, "creates");
        assert_eq!(data.set("k", b"2", never), status::CAS_MISMATCH);
        let (_, version) = data.get("k").unwrap();
        assert_eq!(data.set("k", b"3", version), status::OK);
        assert_eq!(data.set("k", b"4", version), status::CAS_MISMATCH);
        assert_eq!(data.set("k", b"5", 0), status::OK, "in any case");
        assert_eq!(data.get("k").unwrap().0, b"5");
    }
}
