//! Values by digest, in bounded memory.

use std::collections::BTreeMap;
use std::mem;

use crate::digest::Digest;

/// Two generations, of which the older is dropped when the newer is full. What is used moves to the newer, so that what
/// goes is what nobody has used for the longest. In order of their digests: whoever can choose credentials can choose
/// what they hash to, and a tree does not mind.
#[derive(Debug)]
pub(super) struct Recent<V> {
    entries: usize,
    bytes: usize,
    newer: Generation<V>,
    older: Generation<V>,
}

#[derive(Debug)]
struct Generation<V> {
    values: BTreeMap<Digest, V>,
    bytes: usize,
}

/// What has a size.
pub(super) trait Weigh {
    /// In bytes, with what it points to.
    fn size(&self) -> usize;
}

// === impl Recent ===

impl<V: Weigh> Recent<V> {
    /// At most so many, that take so much.
    pub(super) fn new(entries: usize, bytes: usize) -> Self {
        Self {
            entries,
            bytes,
            newer: Generation::default(),
            older: Generation::default(),
        }
    }

    pub(super) fn find(&mut self, digest: &Digest) -> Option<&V> {
        if !self.newer.values.contains_key(digest) {
            let value = self.older.remove(digest)?;
            self.put(*digest, value);
        }
        self.newer.values.get(digest)
    }

    pub(super) fn insert(&mut self, digest: Digest, value: V) {
        self.older.remove(&digest);
        self.put(digest, value);
    }

    pub(super) fn remove(&mut self, digest: &Digest) {
        self.newer.remove(digest);
        self.older.remove(digest);
    }

    pub(super) fn clear(&mut self) {
        self.newer = Generation::default();
        self.older = Generation::default();
    }

    fn put(&mut self, digest: Digest, value: V) {
        let size = Generation::<V>::size(&value);
        // What is there already only changes.
        self.newer.remove(&digest);
        let is_full =
            self.newer.values.len() >= self.entries / 2 || self.newer.bytes + size > self.bytes / 2;
        if is_full {
            self.older = mem::take(&mut self.newer);
        }
        self.newer.bytes += size;
        self.newer.values.insert(digest, value);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.newer.values.len() + self.older.values.len()
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.newer.bytes + self.older.bytes
    }
}

// === impl Generation ===

impl<V: Weigh> Generation<V> {
    /// With its place in the map, about.
    fn size(value: &V) -> usize {
        2 * mem::size_of::<Digest>() + value.size()
    }

    fn remove(&mut self, digest: &Digest) -> Option<V> {
        let value = self.values.remove(digest)?;
        self.bytes -= Self::size(&value);
        Some(value)
    }
}

impl<V> Default for Generation<V> {
    fn default() -> Self {
        Self {
            values: BTreeMap::new(),
            bytes: 0,
        }
    }
}
