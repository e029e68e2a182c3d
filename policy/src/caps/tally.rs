//! What one account has used: of each cap, in each window of the clock, and how much of it is under way.
//!
//! The bytes, numbers little-endian u32 unless said: the minute, the hour and the day that the counts are of, since the
//! Unix epoch; number of caps (u8); for each its id (u64), the counts of the minute, the hour and the day, and the
//! number of shares (u16); for each share the worker and how many requests it has under way.

use std::time::Duration;

use super::limits::Window;
use super::roster::{Attendance, WorkerId};

/// The windows of the clock, as they are stored.
const CLOCKED: [Window; 3] = [Window::Minute, Window::Hour, Window::Day];

/// By how many windows a clock may have stepped back for the counts to stay as they are, so that nothing is admitted
/// twice. A larger step means that the clock was wrong when they were written, and would lock accounts out for as long
/// as it was wrong.
const STEPS_BACK: [u32; 3] = [5, 1, 1];

/// What one account has used, in the windows that were when it was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Which minute, hour and day the counts are of.
    windows: [u32; 3],
    caps: Vec<CapTally>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct CapTally {
    id: u64,
    used: [u32; 3],
    shares: Vec<Share>,
}

/// How many requests a worker has under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    worker: WorkerId,
    requests: u32,
}

// === impl Tally ===

impl Tally {
    /// Reads what [`Self::write`] wrote, and nothing else.
    pub fn read(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let mut tally = Self::default();
        for window in &mut tally.windows {
            *window = number(bytes)?;
        }
        for _ in 0..*bytes.split_off_first()? {
            tally.caps.push(CapTally::read(bytes)?);
        }
        bytes.is_empty().then_some(tally)
    }

    /// What is used at a time: windows that are over are empty. Nothing for a time that no tally can hold.
    pub fn at(mut self, now: Duration) -> Option<Self> {
        let now = windows(now)?;
        for (position, ((written, now), back)) in
            self.windows.iter_mut().zip(now).zip(STEPS_BACK).enumerate()
        {
            if now <= *written && *written - now <= back {
                continue;
            }
            *written = now;
            for cap in &mut self.caps {
                if let Some(used) = cap.used.get_mut(position) {
                    *used = 0;
                }
            }
        }
        Some(self)
    }

    /// Its bytes, at the end of `bytes`.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        for window in self.windows {
            bytes.extend_from_slice(&window.to_le_bytes());
        }
        bytes.push(u8::try_from(self.caps.len()).unwrap_or(u8::MAX));
        for cap in self.caps.iter().take(u8::MAX.into()) {
            cap.write(bytes);
        }
    }

    /// How much of a window of a cap is used; of [`Window::Concurrent`], what workers that are alive have under way.
    pub fn used(&self, cap: u64, window: Window, workers: &impl Attendance) -> u32 {
        let Some(tally) = self.caps.iter().find(|tally| tally.id == cap) else {
            return 0;
        };
        tally.used(window).unwrap_or_else(|| {
            let alive = tally
                .shares
                .iter()
                .filter(|share| workers.is_alive(share.worker));
            alive.fold(0, |sum, share| sum.saturating_add(share.requests))
        })
    }

    /// Counts a request in a window of a cap.
    pub fn add(&mut self, cap: u64, window: Window, worker: WorkerId) {
        let position = self.caps.iter().position(|tally| tally.id == cap);
        let position = position.unwrap_or_else(|| {
            self.caps.push(CapTally::new(cap));
            self.caps.len() - 1
        });
        if let Some(tally) = self.caps.get_mut(position) {
            tally.add(window, worker);
        }
    }

    /// Takes one of a worker's requests under way off; tells whether it had one.
    pub fn give_back(&mut self, cap: u64, worker: WorkerId) -> bool {
        let tally = self.caps.iter_mut().find(|tally| tally.id == cap);
        tally.is_some_and(|tally| tally.give_back(worker))
    }

    /// Drops what nobody needs any more: shares of workers that are gone, and caps with nothing used.
    pub fn tidy(&mut self, workers: &impl Attendance) {
        for cap in &mut self.caps {
            cap.shares.retain(|share| !workers.is_gone(share.worker));
        }
        self.caps.retain(|cap| !cap.is_unused());
    }

    /// Whether it has more caps than can be written: only where they are renamed again and again.
    pub fn is_too_long(&self) -> bool {
        self.caps.len() > usize::from(u8::MAX)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.caps.iter().all(CapTally::is_unused)
    }

    /// Seconds until a window is over, at least 1; of what does not end by the clock, 1.
    pub fn seconds_left(&self, window: Window, now: Duration) -> u32 {
        let position = CLOCKED.iter().position(|clocked| *clocked == window);
        let current = position.and_then(|position| self.windows.get(position));
        let (Some(current), Some(length)) = (current, window.seconds()) else {
            return 1;
        };
        let end = (u64::from(*current) + 1) * u64::from(length);
        let left = end.saturating_sub(now.as_secs()).max(1);
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// Seconds until nothing is in it any more, as far as the clock tells.
    pub fn seconds_used(&self, now: Duration) -> u32 {
        let is_used = |window: &Window| self.caps.iter().any(|cap| cap.used(*window) > Some(0));
        let used = CLOCKED.into_iter().filter(is_used);
        used.map(|window| self.seconds_left(window, now))
            .max()
            .unwrap_or(1)
    }
}

// === impl CapTally ===

impl CapTally {
    fn new(id: u64) -> Self {
        Self {
            id,
            used: [0; 3],
            shares: Vec::new(),
        }
    }

    /// Nothing for what is not counted by the clock.
    fn used(&self, window: Window) -> Option<u32> {
        let position = CLOCKED.iter().position(|clocked| *clocked == window)?;
        self.used.get(position).copied()
    }

    fn add(&mut self, window: Window, worker: WorkerId) {
        let position = CLOCKED.iter().position(|clocked| *clocked == window);
        match position.and_then(|position| self.used.get_mut(position)) {
            Some(used) => *used = used.saturating_add(1),
            None => match self.shares.iter_mut().find(|share| share.worker == worker) {
                Some(share) => share.requests = share.requests.saturating_add(1),
                None => self.shares.push(Share {
                    worker,
                    requests: 1,
                }),
            },
        }
    }

    fn give_back(&mut self, worker: WorkerId) -> bool {
        let share = self.shares.iter_mut().find(|share| share.worker == worker);
        let Some(share) = share.filter(|share| share.requests > 0) else {
            return false;
        };
        share.requests -= 1;
        self.shares.retain(|share| share.requests > 0);
        true
    }

    fn is_unused(&self) -> bool {
        self.used == [0; 3] && self.shares.is_empty()
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        let mut tally = Self::new(u64::from_le_bytes(*id));
        for used in &mut tally.used {
            *used = number(bytes)?;
        }
        let (shares, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        for _ in 0..u16::from_le_bytes(*shares) {
            let worker = WorkerId::new(number(bytes)?);
            let requests = number(bytes)?;
            tally.shares.push(Share { worker, requests });
        }
        Some(tally)
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.id.to_le_bytes());
        for used in self.used {
            bytes.extend_from_slice(&used.to_le_bytes());
        }
        let shares = u16::try_from(self.shares.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&shares.to_le_bytes());
        for share in self.shares.iter().take(shares.into()) {
            bytes.extend_from_slice(&share.worker.number().to_le_bytes());
            bytes.extend_from_slice(&share.requests.to_le_bytes());
        }
    }
}

/// Which minute, hour and day it is, since the Unix epoch.
fn windows(now: Duration) -> Option<[u32; 3]> {
    let seconds = now.as_secs();
    let number = |length: u64| u32::try_from(seconds / length).ok();
    Some([number(60)?, number(3600)?, number(86_400)?])
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number))
}
