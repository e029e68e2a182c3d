//! Signature algorithms.

/// A signature algorithm (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

// === impl Algorithm ===

impl Algorithm {
    /// All that this version verifies.
    pub const ALL: [Self; 1] = [Self::Rs256];

    /// Those that are accepted unless others are named.
    pub const DEFAULT: [Self; 1] = [Self::Rs256];

    /// The name in `alg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
    }
}
