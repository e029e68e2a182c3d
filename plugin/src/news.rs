//! What the log says once for all workers: a change that each of them sees, and one tells.

use crate::host::{self, Error};

/// The names carry the version of the form of what is written there.
const PREFIX: &str = "tollgate.said.v1.";

/// Whether `state` is another one of `subject` than was told last, by whichever worker. From then on it is the one that
/// was told.
///
/// Where the workers' shared data cannot be had, everything is news: better said by each than by nobody.
pub fn is_news(subject: &str, state: &[u8]) -> bool {
    tell(subject, state) != News::None
}

/// Whether it is news, and there was something else before.
pub fn is_change(subject: &str, state: &[u8]) -> bool {
    tell(subject, state) == News::Change
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    None,
    First,
    Change,
}

fn tell(subject: &str, state: &[u8]) -> News {
    let name = [PREFIX, subject].concat();
    let (said, version) = match host::shared_data(&name) {
        Ok((said, version)) => (Some(said), Some(version)),
        Err(Error::NotFound) => (None, None),
        Err(Error::Malformed | Error::Status(_)) => return News::First,
    };
    // Who is slower than another worker has nothing to add.
    let is_told = said.as_deref() == Some(state)
        || !host::swap_shared_data(&name, state, version).unwrap_or(true);
    match said {
        _ if is_told => News::None,
        Some(_) => News::Change,
        None => News::First,
    }
}
