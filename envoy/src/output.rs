//! What commands print. Whoever reads it may have seen enough (`| head`): that is no failure, and nothing to panic for.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Prints to stdout.
///
/// # Errors
///
/// It cannot be written, and that is not because nobody reads it any more.
pub fn print(text: &dyn Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match write!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints a line to stderr, if anybody reads it.
pub fn note(text: &dyn Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
