//! How fetching fails.

/// Why a document could not be had. Operators see the name in a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Envoy does not know the cluster.
    ClusterUnknown,
    /// The cluster has no host that is up.
    NoHost,
    /// The host cannot be connected to.
    Connect,
    /// There was no answer in time, or it had not ended by then.
    Timeout,
    /// The connection broke before the answer was there, or Envoy ended it: it was no HTTP, or too much.
    Reset,
    /// The answer's status was not 200.
    Status,
    /// The answer was larger than what is read: [`keys::MAX_BYTES`](crate::keys::MAX_BYTES) and
    /// [`keys::MAX_KEYS`](crate::keys::MAX_KEYS),
    /// [`directory::MAX_BYTES`](crate::directory::MAX_BYTES), [`introspection::MAX_BYTES`](crate::introspection::MAX_BYTES).
    TooLarge,
    /// The answer was no JSON.
    NotJson,
    /// The answer was no key set, or had no key that can be used.
    NoUsableKey,
    /// The discovery document was not the issuer's, or does not say where the keys are.
    Discovery,
    /// The answer was no directory of accounts.
    NotADirectory,
    /// The answer was no answer of an introspection endpoint.
    WrongAnswer,
}

// === impl Failure ===

impl Failure {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::ClusterUnknown,
        Self::NoHost,
        Self::Connect,
        Self::Timeout,
        Self::Reset,
        Self::Status,
        Self::TooLarge,
        Self::NotJson,
        Self::NoUsableKey,
        Self::Discovery,
        Self::NotADirectory,
        Self::WrongAnswer,
    ];

    /// Those of an introspection.
    pub const OF_INTROSPECTION: [Self; 9] = [
        Self::ClusterUnknown,
        Self::NoHost,
        Self::Connect,
        Self::Timeout,
        Self::Reset,
        Self::Status,
        Self::TooLarge,
        Self::NotJson,
        Self::WrongAnswer,
    ];

    /// Those of a key set.
    pub const OF_KEYS: [Self; 10] = [
        Self::ClusterUnknown,
        Self::NoHost,
        Self::Connect,
        Self::Timeout,
        Self::Reset,
        Self::Status,
        Self::TooLarge,
        Self::NotJson,
        Self::NoUsableKey,
        Self::Discovery,
    ];

    /// Those of the directory of accounts.
    pub const OF_THE_DIRECTORY: [Self; 9] = [
        Self::ClusterUnknown,
        Self::NoHost,
        Self::Connect,
        Self::Timeout,
        Self::Reset,
        Self::Status,
        Self::TooLarge,
        Self::NotJson,
        Self::NotADirectory,
    ];

    /// The stable name, as in counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClusterUnknown => "cluster_unknown",
            Self::NoHost => "no_host",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Status => "status",
            Self::TooLarge => "too_large",
            Self::NotJson => "not_json",
            Self::NoUsableKey => "no_usable_key",
            Self::Discovery => "discovery",
            Self::NotADirectory => "not_a_directory",
            Self::WrongAnswer => "wrong_answer",
        }
    }

    /// Its number in the shared record, from 1; 0 is none.
    pub(super) fn number(failure: Option<Self>) -> u8 {
        let place = Self::ALL.iter().position(|one| Some(*one) == failure);
        place.map_or(0, |place| u8::try_from(place + 1).unwrap_or(0))
    }

    /// The failure of a number.
    pub(super) fn of_number(number: u8) -> Option<Self> {
        let place = usize::from(number).checked_sub(1)?;
        Self::ALL.get(place).copied()
    }
}
