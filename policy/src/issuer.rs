//! Whose tokens are accepted, and under which conditions: what the configuration says of an issuer.

use std::sync::Arc;
use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::key_source::Source;
use crate::membership::{AdminClaim, Membership};
use crate::route::RoutePattern;

/// An issuer whose tokens are accepted, and under which conditions.
#[derive(Debug)]
pub struct Issuer {
    /// The exact `iss`.
    pub issuer: String,
    /// Any of these must be in `aud`.
    pub audiences: Vec<String>,
    /// Any of these must be `azp`; empty: not checked.
    pub authorized_parties: Vec<String>,
    /// The signature algorithms that are accepted.
    pub algorithms: Vec<Algorithm>,
    /// Where the keys come from.
    pub jwks: Source,
    /// How far the clocks of issuer and gate may differ.
    pub clock_skew: Duration,
    /// The longest time from `iat` to `exp`.
    pub max_lifetime: Option<Duration>,
    /// The longest token, in bytes.
    pub max_size: usize,
    /// Which accounts a token may act for.
    pub membership: Membership,
    /// Who is an administrator; none: nobody.
    pub admin: Option<AdminClaim>,
    /// The routes on which its tokens are accepted; none: on all.
    pub routes: Option<Arc<[RoutePattern]>>,
}
