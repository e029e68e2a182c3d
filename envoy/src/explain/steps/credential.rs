//! Step 5: who says so?

use std::rc::Rc;

use serde_json::{Value, json};
use tollgate_policy::credential::{Credential, NoKey};
use tollgate_policy::introspection::{Answer as Introspected, ApiKeys, Inquiry};
use tollgate_policy::issuer::Issuer;
use tollgate_policy::principal::Principal;
use tollgate_policy::refusal::{Code, Refusal};
use tollgate_policy::request::Field;
use tollgate_policy::token::{self, Rejection};
use tollgate_policy::uri::Uri;

use super::{Stop, Walk, refuse, wait};
use crate::explain::given;
use crate::explain::jwt;
use crate::explain::report::{Answer, Step};
use crate::explain::request::shown_path;

/// Schemes that are named where they were sent instead of Bearer (IANA's registry of them).
const SCHEMES: [&str; 6] = ["basic", "digest", "dpop", "hoba", "mutual", "negotiate"];

/// Members of an introspection's answer (RFC 7662 §2.2), and the account, which the gate compares.
const MEMBERS: [&str; 13] = [
    "account",
    "active",
    "aud",
    "client_id",
    "exp",
    "iat",
    "iss",
    "jti",
    "nbf",
    "scope",
    "sub",
    "token_type",
    "username",
];

impl Walk<'_> {
    /// 5: who says so?
    pub(super) fn principal(
        &self,
        credential: Result<Credential<'_>, Code>,
        steps: &mut Vec<Step>,
    ) -> Result<Rc<Principal>, Stop> {
        let mut step = Step::new(5);
        step.saw("authorization", self.shown(&credential));
        let credential = match credential {
            Ok(credential) => credential,
            Err(code) => {
                let because = match code {
                    Code::TokenDuplicate => {
                        "more than one credential was sent: send one Authorization header, without a comma"
                    }
                    _ => "there is no `Authorization: Bearer …` with something in it",
                };
                return Err(refuse(step, &code.into(), because.to_owned()));
            }
        };
        let (step, principal) = match credential {
            Credential::Token(text) => self.token(step, text)?,
            Credential::Key { text, .. } | Credential::Opaque(text) => {
                let Some(keys) = &self.source.policy.api_keys else {
                    return Err(refuse(step, &Code::NotReady.into(), String::new()));
                };
                self.key(step, &credential, text, keys)?
            }
            Credential::NoKey(why) => {
                let refusal = Refusal::from(why);
                let because = refusal.detail.to_owned();
                return Err(refuse(step, &refusal, because));
            }
        };
        steps.push(step);
        Ok(principal)
    }

    /// The issuer that the token names, and its place.
    pub(super) fn issuer(&self) -> Option<(usize, &Issuer)> {
        let name = self.decoded.claim("iss")?.as_str()?;
        let mut issuers = self.source.policy.issuers.iter().enumerate();
        issuers.find(|(_, issuer)| issuer.issuer == name)
    }

    fn token(&self, mut step: Step, text: &[u8]) -> Result<(Step, Rc<Principal>), Stop> {
        let issuers = &self.source.policy.issuers;
        if let Some(header) = &self.decoded.header {
            step.saw("header", json!(header));
        }
        if let Some(claims) = &self.decoded.claims {
            step.saw("claims", json!(claims));
        }
        let times = self.decoded.times(self.now);
        if !times.is_empty() {
            step.saw("times", times);
        }
        if let Some((place, issuer)) = self.issuer() {
            step.saw("issuer", format!("issuers[{place}], {}", issuer.issuer));
            step.saw("keys", self.keys(place, issuer));
        } else {
            let known = issuers.iter().map(|issuer| issuer.issuer.as_str());
            step.saw("issuers", known.collect::<Vec<_>>());
        }
        // As the decision does, which has no more to say of a token where no issuer is accepted.
        let verified = if issuers.is_empty() {
            Err(Code::TokenIssuer.into())
        } else {
            token::verify(issuers, text, self.known)
        };
        match verified {
            Ok(verified) => {
                let algorithm = self.decoded.parameter("alg").unwrap_or_default();
                let key = match self.decoded.parameter("kid") {
                    Some(kid) => format!("its key {kid:?}"),
                    None => "its only key that fits".to_owned(),
                };
                let because = format!(
                    "{}, as {} says; signed by {key} with {algorithm}, and every claim holds",
                    verified.subject(),
                    verified.issuer().issuer
                );
                step.answer(Answer::Passed, because);
                Ok((step, Rc::new(Principal::of(&verified))))
            }
            Err(Rejection::Refused(refusal)) => {
                let because = self.reason(&refusal, text.len());
                Err(refuse(step, &refusal, because))
            }
            Err(Rejection::KeysNeeded(place)) => {
                let because = self.keys_needed(place);
                Err(wait(step, Code::KeysUnavailable, because))
            }
        }
    }

    /// Which keys there are, and where from.
    fn keys(&self, place: usize, issuer: &Issuer) -> Value {
        let given = self.given.keys(&issuer.issuer, Some(&issuer.issuer));
        if let Some(keys) = given.filter(|_| issuer.jwks.remote.is_some()) {
            return json!({"from": keys.document.file, "keys": keys.names()});
        }
        match self.source.at(&format!("/issuers/{place}/jwks/inline")) {
            Some(set @ Value::Object(_)) => {
                json!({"from": format!("issuers[{place}].jwks.inline"), "keys": given::names(set)})
            }
            _ => json!("not given"),
        }
    }

    fn keys_needed(&self, place: usize) -> String {
        let Some(issuer) = self.source.policy.issuers.get(place) else {
            return String::new();
        };
        let name = &issuer.issuer;
        match &issuer.jwks.remote {
            None => String::new(),
            Some(remote) => format!(
                "it would fetch the keys of {name} from {} through cluster {}, and the request waits for them; should they not come within {}, it is answered 503 keys_unavailable. Give them with --key-set FILE, a JWK set",
                text_of(remote.location.uri()),
                remote.cluster,
                humantime::format_duration(remote.max_wait)
            ),
        }
    }

    fn key(
        &self,
        mut step: Step,
        credential: &Credential<'_>,
        text: &[u8],
        keys: &ApiKeys,
    ) -> Result<(Step, Rc<Principal>), Stop> {
        let remote = &keys.remote;
        let (uri, cluster) = (text_of(&remote.uri), &remote.cluster);
        step.saw(
            "asked",
            format!("POST {uri} through cluster {cluster} (RFC 7662)"),
        );
        if !self.known.can_introspect {
            let refusal = Refusal {
                detail: "the gate has nothing to show where it would check the key",
                ..Code::IntrospectionUnavailable.into()
            };
            let name = &remote.authorization_env;
            let because = format!(
                "{}: the environment variable {name} is not among those that the filter gets",
                refusal.detail
            );
            return Err(refuse(step, &refusal, because));
        }
        let Some(document) = &self.given.introspection else {
            let because = format!(
                "it would ask {uri} through cluster {cluster} whether the key is active, and the request waits for the answer; should it not come within {}, it is answered 503 introspection_unavailable. Give the answer with --introspection FILE, such as {{\"active\": true, \"sub\": \"…\"}}",
                humantime::format_duration(remote.max_wait)
            );
            return Err(wait(step, Code::IntrospectionUnavailable, because));
        };
        let answer: Value = serde_json::from_str(&document.text).unwrap_or_default();
        let secret = String::from_utf8_lossy(text);
        step.saw(
            "answer",
            json!({"from": document.file, "says": jwt::without(&secret, &self.shown_members(answer))}),
        );
        let inquiry = Inquiry::about(credential);
        let read = inquiry
            .map(|inquiry| Introspected::read(keys, &inquiry, document.text.as_bytes(), self.now));
        match read {
            Some(Ok(Introspected::Active(active))) => {
                let because = format!(
                    "{}, as the key's issuer says, which calls it active",
                    active.principal.subject()
                );
                step.answer(Answer::Passed, because);
                Ok((step, active.principal))
            }
            Some(Ok(Introspected::Refused(code))) => {
                let because = match code {
                    Code::KeyInactive => {
                        "its issuer does not call it active at this time".to_owned()
                    }
                    _ => format!(
                        "{}; api_keys.audiences is {:?}",
                        code.detail(),
                        keys.audiences
                    ),
                };
                Err(refuse(step, &code.into(), because))
            }
            Some(Err(error)) => {
                let because = format!("{error}, so it says nothing for the key nor against it");
                Err(refuse(
                    step,
                    &Code::IntrospectionUnavailable.into(),
                    because,
                ))
            }
            None => Err(refuse(step, &Code::NotReady.into(), String::new())),
        }
    }

    /// Of an answer to an introspection what the gate reads, and what else is known to be no secret.
    fn shown_members(&self, answer: Value) -> Value {
        let Value::Object(mut members) = answer else {
            return json!("no JSON object");
        };
        let claim = self.source.at("/api_keys/membership/claim");
        let path: Vec<_> = match claim {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            claim => claim.and_then(Value::as_str).into_iter().collect(),
        };
        let on_path = path.split_first().and_then(|(first, rest)| {
            let claim = members.remove(*first)?;
            Some(((*first).to_owned(), only(claim, rest)))
        });
        members.retain(|name, _| MEMBERS.contains(&name.as_str()));
        let shown = members.into_iter();
        let shown = shown.map(|(name, value)| (name, without_objects(value)));
        Value::Object(shown.chain(on_path).collect())
    }

    /// The credential without anything that is secret.
    fn shown(&self, credential: &Result<Credential<'_>, Code>) -> String {
        let prefix = self
            .source
            .policy
            .api_keys
            .as_ref()
            .map_or("", |keys| keys.prefix.as_str());
        match credential {
            Ok(Credential::Token(text)) => {
                let is_jwt = self.decoded.header.is_some() || self.decoded.claims.is_some();
                let what = if is_jwt {
                    "a JWT"
                } else {
                    "a text that is no JWT"
                };
                format!("Bearer, {what}, {} bytes", text.len())
            }
            Ok(Credential::Key { account, .. }) => {
                format!("Bearer {prefix}{}_…", account.escape_ascii())
            }
            Ok(Credential::Opaque(text)) => {
                format!("Bearer, an opaque token, {} bytes", text.len())
            }
            Ok(Credential::NoKey(why)) => {
                let why = match why {
                    NoKey::TooLarge => "too large",
                    NoKey::Form => "not whole",
                    NoKey::Checksum => "mistyped",
                    NoKey::Characters => "with odd characters",
                };
                format!("Bearer {prefix}…, {why}")
            }
            Err(Code::TokenDuplicate) => "more than one credential".to_owned(),
            Err(_) => match self.request.authorization {
                Field::One(value) => {
                    let value = String::from_utf8_lossy(value).to_ascii_lowercase();
                    let scheme = value.split_once(' ').map(|(scheme, _)| scheme);
                    match SCHEMES.iter().find(|known| Some(**known) == scheme) {
                        Some(scheme) => format!("the scheme {scheme}, not Bearer"),
                        None if value.trim() == "bearer" => {
                            "Bearer, and nothing behind it".to_owned()
                        }
                        None => "something without `Bearer ` before it".to_owned(),
                    }
                }
                Field::Missing | Field::Many => "not sent".to_owned(),
            },
        }
    }
}

/// Of a value what is at the end of a path, with the names that lead to it.
fn only(value: Value, path: &[&str]) -> Value {
    let Some((first, rest)) = path.split_first() else {
        return value;
    };
    match value {
        Value::Object(mut members) => match members.remove(*first) {
            Some(value) => json!({ *first: only(value, rest) }),
            None => json!({}),
        },
        other => without_objects(other),
    }
}

/// A value as members of RFC 7662 §2.2 have it: `"…"` for what it should not have within.
fn without_objects(value: Value) -> Value {
    match value {
        Value::Object(_) => json!("…"),
        Value::Array(items) => items.into_iter().map(without_objects).collect(),
        other => other,
    }
}

/// A URI as one writes it.
pub(in crate::explain) fn text_of(uri: &Uri) -> String {
    let path = shown_path(&uri.path);
    format!("{}://{}{path}", uri.scheme, uri.authority)
}
