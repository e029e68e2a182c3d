//! Why a token is refused, in the words of what was found in it.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_policy::refusal::{Code, Refusal};

use super::{Walk, shortened};
use crate::explain::time::span;

impl Walk<'_> {
    /// What was found, and what there should be. The rules have decided already; this only says by what.
    pub(super) fn reason(&self, refusal: &Refusal, size: usize) -> String {
        let found = |name: &str| self.decoded.claim(name).cloned().unwrap_or(Value::Null);
        let issuer = self.issuer().map(|(_, issuer)| issuer);
        let skew = issuer.map_or(Duration::ZERO, |issuer| issuer.clock_skew);
        match refusal.code {
            Code::TokenTooLarge => {
                let sizes = self.source.policy.issuers.iter().map(|issuer| issuer.max_size);
                let most = issuer.map_or(sizes.max().unwrap_or_default(), |issuer| issuer.max_size);
                format!("it has {size} bytes; max_size allows {most}")
            }
            Code::TokenAlgorithm => {
                let found = self.decoded.parameter("alg").unwrap_or_default();
                let all = self.source.policy.issuers.iter();
                let all = all.filter(|one| issuer.is_none_or(|issuer| issuer.issuer == one.issuer));
                let mut accepted: Vec<_> = all.flat_map(|issuer| &issuer.algorithms).map(|it| it.as_str()).collect();
                accepted.dedup();
                format!("alg is {}; accepted are {}", json!(shortened(found)), accepted.join(", "))
            }
            Code::TokenIssuer => match found("iss") {
                Value::Null => "it has no iss".to_owned(),
                name => format!("iss is {name}, and no issuer of the configuration is called exactly so"),
            },
            Code::TokenAudience => {
                let accepted = issuer.map(|issuer| issuer.audiences.clone());
                format!("aud is {}; accepted is any of {}", found("aud"), json!(accepted))
            }
            Code::TokenParty => {
                let accepted = issuer.map(|issuer| issuer.authorized_parties.clone());
                format!("azp is {}; accepted is any of {}", found("azp"), json!(accepted))
            }
            Code::TokenExpired => {
                let ago = self.since("exp");
                format!("it expired {ago} ago, and clock_skew allows for {}", span(skew))
            }
            Code::TokenNotYetValid => {
                let name = if self.decoded.time("nbf") > self.decoded.time("iat") { "nbf" } else { "iat" };
                let begins = self.until(name);
                format!("{name} is {begins} ahead of the gate's clock, and clock_skew allows for {}", span(skew))
            }
            Code::TokenLifetime => {
                let longest = issuer.and_then(|issuer| issuer.max_lifetime).unwrap_or_default();
                match (self.decoded.time("iat"), self.decoded.time("exp")) {
                    (Some(begins), Some(ends)) => {
                        let found = Duration::try_from_secs_f64(ends - begins).unwrap_or_default();
                        format!("from iat to exp is {}; max_lifetime allows {}", span(found), span(longest))
                    }
                    _ => format!("it has no iat, and max_lifetime allows {}", span(longest)),
                }
            }
            Code::TokenKey => {
                let alg = self.decoded.parameter("alg").unwrap_or_default();
                match self.decoded.parameter("kid") {
                    Some(kid) => format!("none of the keys has kid {} and is for {alg}", json!(shortened(kid))),
                    None => format!("it has no kid, and not exactly one of the keys is for {alg}"),
                }
            }
            Code::TokenSignature => "the signature was not made by the key that the token names, over these bytes: another key with the same kid, or a changed token".to_owned(),
            _ => refusal.detail.to_owned(),
        }
    }

    fn since(&self, claim: &str) -> String {
        let at = self.decoded.time(claim).unwrap_or_default();
        let at = Duration::try_from_secs_f64(at).unwrap_or_default();
        span(self.now.saturating_sub(at))
    }

    fn until(&self, claim: &str) -> String {
        let at = self.decoded.time(claim).unwrap_or_default();
        let at = Duration::try_from_secs_f64(at).unwrap_or(Duration::MAX);
        span(at.saturating_sub(self.now))
    }
}
