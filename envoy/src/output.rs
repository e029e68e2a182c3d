//! What commands print.

use std::fmt::Display;
use std::io::{self, Write};

/// Prints to stdout. Whoever reads it may have seen enough (`| head`): that is no failure.
pub fn print(text: &dyn Display) {
    let mut stdout = io::stdout().lock();
    let _ = write!(stdout, "{text}").and_then(|()| stdout.flush());
}
