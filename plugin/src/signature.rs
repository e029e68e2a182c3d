//! Signatures: verified by the host where that can be relied on, and else by the module itself.

mod envoy;
mod message;
mod probe;

use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::keys::PublicKey;
use tollgate_policy::signature;
use tollgate_policy::token::Unverifiable;

use crate::host::{self, Level};

/// What verifies signatures in this virtual machine.
#[derive(Clone, Copy, Debug)]
pub struct Signatures {
    host_works: bool,
}

/// Where a signature is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// By the host's function.
    Host,
    /// By our own code, which takes up to forty times as long: in Envoy 1.40, at most 1 ms with RSA of 2048 bits or P-256,
    /// 4 ms with RSA of 4096 bits or P-384, 15 ms with RSA of 8192 bits, and 0.1 ms with Ed25519. A flood of tokens
    /// could keep a worker from all else.
    Module,
}

// === impl Signatures ===

impl Signatures {
    /// Finds out, once and without any traffic, whether the host verifies signatures as it should.
    pub fn probe() -> Self {
        let host_works = probe::host_works();
        if !host_works {
            host::log(
                Level::Warn,
                "tollgate: this host does not verify signatures; the module does it, and takes longer",
            );
        }
        Self { host_works }
    }

    /// Where signatures of this algorithm are verified.
    pub fn place(self, algorithm: Algorithm) -> Place {
        if self.host_works && envoy::verifies(algorithm) {
            Place::Host
        } else {
            Place::Module
        }
    }

    /// Whether verifying takes so long that a flood of it would keep a worker from all else: whatever the module does
    /// itself, and one curve that is slow everywhere.
    pub fn is_slow(self, algorithm: Algorithm) -> bool {
        self.place(algorithm) == Place::Module || algorithm == Algorithm::Es384
    }

    /// Whether `signature` over `signed` is the key's.
    ///
    /// # Errors
    ///
    /// The host's function worked before, and does no more.
    pub fn verify(
        self,
        algorithm: Algorithm,
        key: &PublicKey,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<bool, Unverifiable> {
        match self.place(algorithm) {
            Place::Host => {
                envoy::verify(algorithm, key, signed, signature).map_err(|_| Unverifiable::Broken)
            }
            Place::Module => Ok(signature::verify(algorithm, key, signed, signature)),
        }
    }
}
