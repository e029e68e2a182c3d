//! Tells the user what takes long: nothing in the first second, then a line with a spinner on a terminal, or
//! plain lines elsewhere. Always on stderr, so that stdout is for results.

use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// What ends within this needs no words.
const SILENCE: Duration = Duration::from_secs(1);

/// How often a plain line says that something still goes on.
const REPEAT: Duration = Duration::from_secs(10);

/// Shows the steps that take long. Clones share the terminal.
#[derive(Clone, Debug)]
pub struct Progress {
    terminal: Option<MultiProgress>,
}

// === impl Progress ===

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// Spinners if stderr is a terminal, lines if it is not.
    pub fn new() -> Self {
        Self {
            terminal: stderr().is_terminal().then(MultiProgress::new),
        }
    }

    /// Does `work`, and says `what` it is should it take longer than a second.
    ///
    /// ```
    /// # use tollgate_envoy::progress::Progress;
    /// let sum = Progress::new().step("adding", || 1 + 1);
    /// assert_eq!(sum, 2);
    /// ```
    pub fn step<T>(&self, what: &str, work: impl FnOnce() -> T) -> T {
        thread::scope(|scope| {
            let (working, done) = channel::<()>();
            scope.spawn(move || {
                if done.recv_timeout(SILENCE) == Err(RecvTimeoutError::Timeout) {
                    match &self.terminal {
                        Some(terminal) => spin(terminal, what, &done),
                        None => print(what, &done),
                    }
                }
            });
            let result = work();
            drop(working);
            result
        })
    }
}

/// Until the other end of `done` is dropped.
fn spin(terminal: &MultiProgress, what: &str, done: &Receiver<()>) {
    let spinner = terminal.add(ProgressBar::new_spinner().with_elapsed(SILENCE));
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.set_message(what.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(100));
    let _ = done.recv();
    spinner.finish_and_clear();
}

fn print(what: &str, done: &Receiver<()>) {
    let start = Instant::now() - SILENCE;
    eprintln!("{what} …");
    while done.recv_timeout(REPEAT) == Err(RecvTimeoutError::Timeout) {
        eprintln!("{what} … {} s", start.elapsed().as_secs());
    }
    eprintln!("{what}: {:.1} s", start.elapsed().as_secs_f32());
}
