//! Requests that come all the time, on old connections and new ones, while configurations change.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::seen::{Seen, marked, seen};
use crate::client::{Connection, Origin, Request};

/// Requests on one connection, before the next is opened.
const ON_ONE: usize = 20;

/// Between two requests of one client.
const PAUSE: Duration = Duration::from_millis(2);

/// So many odd answers are kept to be shown.
const SHOWN: usize = 10;

/// What clients see.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    stopped: AtomicBool,
    /// Held while a connection is opened, so that whoever counts connections can be alone.
    opening: Mutex<()>,
    requests: AtomicU64,
    /// Connections that ended before the answer, as those of an old listener do.
    cut: AtomicU64,
    unfiltered: Mutex<Vec<String>>,
    odd: Mutex<Vec<String>>,
}

/// Ends the traffic when it is dropped, so that nobody waits for it for ever.
pub(super) struct End<'t>(pub(super) &'t Traffic);

// === impl Traffic ===

impl Traffic {
    /// Sends `requests` in turn until it is stopped.
    pub(super) fn run(&self, gate: Origin, requests: &[Request]) {
        while !self.stopped.load(Ordering::Relaxed) {
            if self.connection(gate, requests).is_err() {
                self.cut.fetch_add(1, Ordering::Relaxed);
            }
            thread::sleep(PAUSE);
        }
    }

    /// Nobody else opens connections for as long as this is held.
    pub(super) fn alone(&self) -> MutexGuard<'_, ()> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request and notes what became of it.
    pub(super) fn send(&self, connection: &mut Connection, request: &Request) -> io::Result<Seen> {
        let (seen, _) = self.exchange(connection, request)?;
        Ok(seen)
    }

    /// The same; tells also whether the connection goes on.
    fn exchange(&self, connection: &mut Connection, request: &Request) -> io::Result<(Seen, bool)> {
        let response = connection.send(&marked(request.clone()))?;
        let goes_on = response.header("connection") != Some("close");
        let seen = seen(&response);
        self.requests.fetch_add(1, Ordering::Relaxed);
        match &seen {
            Seen::Unfiltered(answer) => note(&self.unfiltered, answer),
            Seen::Odd(answer) => note(&self.odd, answer),
            Seen::Passed(_) | Seen::Refused(_) => {}
        }
        Ok((seen, goes_on))
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn cut(&self) -> u64 {
        self.cut.load(Ordering::Relaxed)
    }

    /// Answers that nobody decided on.
    pub(super) fn unfiltered(&self) -> Vec<String> {
        list(&self.unfiltered).clone()
    }

    /// Answers that are neither the gate's nor to what it let pass.
    pub(super) fn odd(&self) -> Vec<String> {
        list(&self.odd).clone()
    }

    fn connection(&self, gate: Origin, requests: &[Request]) -> io::Result<()> {
        let mut connection = {
            let _opening = self.alone();
            gate.connect()?
        };
        for request in requests.iter().cycle().take(ON_ONE) {
            if self.stopped.load(Ordering::Relaxed) {
                break;
            }
            let (_, goes_on) = self.exchange(&mut connection, request)?;
            if !goes_on {
                break;
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}

fn note(notes: &Mutex<Vec<String>>, answer: &str) {
    let mut notes = list(notes);
    if notes.len() < SHOWN {
        notes.push(answer.to_owned());
    }
}

fn list(notes: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }
}
