//! One command inside the demo, with the demo's own terminal.

use std::io::{self, IsTerminal, pipe};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_setfd};

use crate::process::{Tool, exit_code, interrupt};

/// Runs `command` by the shell, and returns its status; none if we were interrupted, and therefore ended it.
pub(super) fn execute(
    tool: &Tool,
    command: &str,
    environment: Vec<(&'static str, String)>,
) -> io::Result<Option<u8>> {
    // Supervised as all children are, but stdin is the command's, so that the lifeline is a pipe of its own. That
    // other children get its reading end too does no harm: what counts is who holds the writing end.
    let (reader, lifeline) = pipe()?;
    fcntl_setfd(&reader, FdFlags::empty())?;
    let mut supervise = Command::new(tool.path());
    supervise
        .args(["supervise", "--lifeline"])
        .arg(format!("/dev/fd/{}", reader.as_raw_fd()));
    if io::stdin().is_terminal() {
        // Only the terminal's foreground group may read from it.
        supervise.arg("--foreground");
    }
    let mut supervisor = supervise
        .args(["--", "sh", "-c", command])
        .envs(environment)
        .spawn()?;
    drop(reader);
    let mut lifeline = Some(lifeline);
    loop {
        if let Some(status) = supervisor.try_wait()? {
            let ended = interrupt::received().is_none();
            return Ok(ended.then(|| exit_code(status)));
        }
        if interrupt::received().is_some() {
            drop(lifeline.take());
        }
        thread::sleep(Duration::from_millis(10));
    }
}
