//! The workers that count: who they are, and whether they are still there.
//!
//! Nothing runs any more in a virtual machine that has trapped, so what it has under way would be counted for ever.
//! Each worker therefore beats: it changes a number in one shared record every second. Whoever sees a number stand
//! still for [`SILENCE`] marks its worker as dead, for all; a worker that was only stuck beats again and is back.

mod watch;

use std::time::Duration;

pub use self::watch::Watch;
use super::checksum::fnv1a;

/// For how long a worker may be silent until it counts as dead.
pub const SILENCE: Duration = Duration::from_secs(5);

/// How often a worker beats.
pub const BEAT: Duration = Duration::from_secs(1);

/// For how much longer a dead worker's shares are kept, should it come back.
const MOURNING: Duration = Duration::from_secs(60);

/// Which worker; no two ever have the same, as long as the record lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(u32);

/// The shared record. Its bytes, numbers little-endian u32 unless said: a checksum of the rest (u64), the seed (16
/// bytes), the next worker's number, how many workers (u16), and for each its number, its beat, whether it is dead (u8),
/// and for how many caps (u8) it has requests under way; for each the cap's id (u64) and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// Says which accounts share a slot. Random, so that nobody can choose names for one slot.
    seed: [u8; 16],
    next: u32,
    workers: Vec<Worker>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Worker {
    id: WorkerId,
    beat: u32,
    is_dead: bool,
    /// By cap.
    under_way: Vec<(u64, u32)>,
}

/// Who is there.
pub trait Attendance {
    /// Whether a worker's requests under way count.
    fn is_alive(&self, worker: WorkerId) -> bool;

    /// Whether a worker will never be there again.
    fn is_gone(&self, worker: WorkerId) -> bool;
}

// === impl WorkerId ===

impl WorkerId {
    pub(super) const fn new(number: u32) -> Self {
        Self(number)
    }

    pub(super) const fn number(self) -> u32 {
        self.0
    }
}

// === impl Roster ===

impl Roster {
    /// Nobody is there yet.
    pub fn new(seed: [u8; 16]) -> Self {
        Self {
            seed,
            next: 0,
            workers: Vec::new(),
        }
    }

    /// Reads what [`Self::encode`] wrote, and nothing else.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        // With another seed, all counts would be elsewhere, and seem to be none.
        if u64::from_le_bytes(take(bytes)?) != fnv1a(bytes) {
            return None;
        }
        let mut roster = Self::new(take(bytes)?);
        roster.next = u32::from_le_bytes(take(bytes)?);
        for _ in 0..u16::from_le_bytes(take(bytes)?) {
            roster.workers.push(Worker::decode(bytes)?);
        }
        bytes.is_empty().then_some(roster)
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; size_of::<u64>()];
        bytes.extend_from_slice(&self.seed);
        bytes.extend_from_slice(&self.next.to_le_bytes());
        let workers = u16::try_from(self.workers.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&workers.to_le_bytes());
        for worker in self.workers.iter().take(workers.into()) {
            worker.encode(&mut bytes);
        }
        if let Some((checksum, rest)) = bytes.split_first_chunk_mut() {
            *checksum = fnv1a(rest).to_le_bytes();
        }
        bytes
    }

    /// What says which accounts share a slot.
    pub fn seed(&self) -> &[u8; 16] {
        &self.seed
    }

    /// Adds a worker.
    pub fn join(&mut self) -> WorkerId {
        let id = WorkerId(self.next);
        self.next = self.next.wrapping_add(1);
        self.workers.push(Worker::new(id));
        id
    }

    /// A worker is there, with so many requests under way, by cap. One that was taken for dead is back; of one that was
    /// removed nothing is kept, so it must join anew, lest what it had before gives back what it has now. Tells whether
    /// it is among them.
    #[must_use = "who is not there must join anew"]
    pub fn beat(&mut self, id: WorkerId, under_way: Vec<(u64, u32)>) -> bool {
        let worker = self.workers.iter_mut().find(|worker| worker.id == id);
        let Some(worker) = worker else {
            return false;
        };
        worker.beat = worker.beat.wrapping_add(1);
        worker.is_dead = false;
        worker.under_way = under_way;
        true
    }

    /// A worker ends, and has nothing under way.
    pub fn leave(&mut self, id: WorkerId) {
        self.workers.retain(|worker| worker.id != id);
    }

    /// Marks those that have been silent for too long, and removes those that have been for much longer; tells whether
    /// that changed anything.
    pub fn bury(&mut self, watch: &Watch) -> bool {
        let before = self.workers.len();
        self.workers
            .retain(|worker| !(worker.is_dead && watch.silence(worker) >= SILENCE + MOURNING));
        let mut changed = self.workers.len() != before;
        for worker in &mut self.workers {
            if !worker.is_dead && watch.silence(worker) >= SILENCE {
                worker.is_dead = true;
                changed = true;
            }
        }
        changed
    }

    /// How many requests all workers that are alive have under way for a cap.
    pub fn under_way(&self, cap: u64) -> u64 {
        let alive = self.workers.iter().filter(|worker| !worker.is_dead);
        let counts = alive.flat_map(|worker| &worker.under_way);
        counts
            .filter(|(id, _)| *id == cap)
            .map(|(_, count)| u64::from(*count))
            .sum()
    }

    /// The first of those that are alive: one of all, for what only one need do.
    pub fn first(&self) -> Option<WorkerId> {
        let alive = self.workers.iter().filter(|worker| !worker.is_dead);
        alive.map(|worker| worker.id).min()
    }

    fn find(&self, id: WorkerId) -> Option<&Worker> {
        self.workers.iter().find(|worker| worker.id == id)
    }
}

impl Attendance for Roster {
    /// One that has joined since this record was read is alive, too.
    fn is_alive(&self, id: WorkerId) -> bool {
        id.0 >= self.next || self.find(id).is_some_and(|worker| !worker.is_dead)
    }

    fn is_gone(&self, id: WorkerId) -> bool {
        id.0 < self.next && self.find(id).is_none()
    }
}

// === impl Worker ===

impl Worker {
    fn new(id: WorkerId) -> Self {
        Self {
            id,
            beat: 0,
            is_dead: false,
            under_way: Vec::new(),
        }
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let mut worker = Self::new(WorkerId(u32::from_le_bytes(take(bytes)?)));
        worker.beat = u32::from_le_bytes(take(bytes)?);
        let [is_dead, caps] = take(bytes)?;
        worker.is_dead = is_dead != 0;
        for _ in 0..caps {
            let id = u64::from_le_bytes(take(bytes)?);
            worker
                .under_way
                .push((id, u32::from_le_bytes(take(bytes)?)));
        }
        Some(worker)
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.id.0.to_le_bytes());
        bytes.extend_from_slice(&self.beat.to_le_bytes());
        let caps = u8::try_from(self.under_way.len()).unwrap_or(u8::MAX);
        bytes.extend_from_slice(&[u8::from(self.is_dead), caps]);
        for (id, count) in self.under_way.iter().take(caps.into()) {
            bytes.extend_from_slice(&id.to_le_bytes());
            bytes.extend_from_slice(&count.to_le_bytes());
        }
    }
}

fn take<const SIZE: usize>(bytes: &mut &[u8]) -> Option<[u8; SIZE]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
impl Roster {
    /// As if it had been silent for long.
    pub(super) fn mark_dead(&mut self, id: WorkerId) {
        for worker in self.workers.iter_mut().filter(|worker| worker.id == id) {
            worker.is_dead = true;
        }
    }
}

#[cfg(test)]
mod tests;
