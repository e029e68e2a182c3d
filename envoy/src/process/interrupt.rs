//! Ctrl-C and its relatives: noted, so that whatever goes on can end in good order.

use std::io;
use std::process;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

/// The first signal that arrived, by number.
static RECEIVED: Mutex<Option<i32>> = Mutex::new(None);
static CHANGED: Condvar = Condvar::new();

/// From now on SIGINT, SIGTERM and SIGHUP do not end this process: everybody who waits in this crate gives up, and
/// [`wait_for`] comes back. A second signal ends it at once.
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

/// Waits for a signal, but no longer than `time`; tells whether one has arrived.
pub fn wait_for(time: Duration) -> bool {
    let signal = RECEIVED.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = CHANGED.wait_timeout_while(signal, time, |signal| signal.is_none());
    let (signal, _) = waited.unwrap_or_else(PoisonError::into_inner);
    signal.is_some()
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
