//! Ctrl-C and its relatives: noted, so that whatever goes on can end in good order.

use std::io;
use std::process;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

/// The first signal that arrived, by number.
static RECEIVED: Mutex<Option<i32>> = Mutex::new(None);
static CHANGED: Condvar = Condvar::new();

/// From now on SIGINT, SIGTERM and SIGHUP do not end this process: everybody who waits in this crate gives up, and
/// [`wait`] comes back. A second signal ends it at once.
pub fn watch() -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let inside = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    drop(inside);
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                let kind = tokio::select! {
                    _ = interrupt.recv() => SignalKind::interrupt(),
                    _ = terminate.recv() => SignalKind::terminate(),
                    _ = hangup.recv() => SignalKind::hangup(),
                };
                note(kind.as_raw_value());
            }
        });
    });
    Ok(())
}

/// The number of the signal that arrived, if one has.
pub fn received() -> Option<i32> {
    *RECEIVED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a signal.
pub fn wait() {
    let mut signal = RECEIVED.lock().unwrap_or_else(PoisonError::into_inner);
    while signal.is_none() {
        signal = CHANGED.wait(signal).unwrap_or_else(PoisonError::into_inner);
    }
}

fn note(signal: i32) {
    let mut received = RECEIVED.lock().unwrap_or_else(PoisonError::into_inner);
    if received.is_some() {
        // The user does not want to wait. The supervisors clean up without us.
        process::exit(128 + signal);
    }
    *received = Some(signal);
    CHANGED.notify_all();
}
