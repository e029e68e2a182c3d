//! Who sends requests in a storm, what they show, and what that gives them a right to. Both ends know it: the client writes
//! the right into [`HEADER`], which is no header of the gate's, and the upstream compares what arrives with it.

use fastrand::Rng;
use serde_json::{Value, json};
use tollgate_policy::api_key::{ApiKey, ENTROPY};

use crate::introspection::Introspection;
use crate::issuer::{ACCOUNTS_CLAIM, Draft, Issuer};
use crate::stack::Stack;

/// The header in which a request says what its sender has a right to.
pub const HEADER: &str = "x-storm";

/// The issuer's keys that no token of ours has.
const UNKNOWN_KEYS: usize = 8;

const ACCOUNTS: usize = 6;
const PREFIX: &str = "sk_live_";
const ADMINISTRATOR: &str = "290000000000009999";

/// What a request's credential gives a right to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To nothing that is not public.
    Nothing,
    /// To act for an account, as a user.
    Member(usize),
    /// The same, with an API key.
    Key(usize),
    /// To administrate.
    Admin,
}

/// What the gate makes of a credential, before it looks at anything else that is wrong.
#[derive(Clone, Debug)]
pub struct Credential {
    /// What it gives a right to.
    pub right: Right,
    /// `authorization`; none: there is none.
    pub header: Option<Vec<u8>>,
    /// How it is answered if all else is right; empty: it passes.
    pub refusals: &'static [&'static str],
}

/// Everybody, and what they show.
#[derive(Clone, Debug)]
pub struct People {
    members: Vec<String>,
    keys: Vec<String>,
    admin: String,
    expired: Vec<String>,
    strangers: Vec<String>,
    unknown_keys: Vec<String>,
}

// === impl Right ===

impl Right {
    /// As the header has it.
    pub fn write(self) -> String {
        match self {
            Self::Nothing => "-".to_owned(),
            Self::Member(number) => format!("m{number}"),
            Self::Key(number) => format!("k{number}"),
            Self::Admin => "a".to_owned(),
        }
    }

    /// From the header's values; whoever says nothing, or too much, has a right to nothing.
    pub fn read<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Self {
        let (Some(value), None) = (values.next(), values.next()) else {
            return Self::Nothing;
        };
        let number = |digits: &[u8]| str::from_utf8(digits).ok()?.parse().ok();
        match value {
            [b'm', digits @ ..] => number(digits).map_or(Self::Nothing, Self::Member),
            [b'k', digits @ ..] => number(digits).map_or(Self::Nothing, Self::Key),
            b"a" => Self::Admin,
            _ => Self::Nothing,
        }
    }

    /// Who the gate must say it is; none where it must say nothing.
    pub fn subject(self) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Member(number) => Some(subject(number)),
            Self::Key(number) => Some(key_subject(number)),
            Self::Admin => Some(ADMINISTRATOR.to_owned()),
        }
    }

    /// The only account that it may act for; none for administrators, who have every one.
    pub fn account(self) -> Option<String> {
        match self {
            Self::Member(number) | Self::Key(number) => Some(account(number)),
            Self::Nothing | Self::Admin => None,
        }
    }
}

/// The name of an account.
pub fn account(number: usize) -> String {
    format!("account-{number}")
}

/// Some have names that no header could carry as they are.
fn subject(number: usize) -> String {
    match number % 3 {
        0 => format!("user-{number}"),
        1 => format!("user {number}\r\nx-tollgate-subject: root"),
        _ => format!("пользователь {number} 🦀 %0d%0a"),
    }
}

fn key_subject(number: usize) -> String {
    format!("key-{number}")
}

// === impl People ===

impl People {
    /// Gives everybody what they show: tokens of the stack's issuer, and keys that are active at `introspection`.
    pub fn new(stack: &Stack, introspection: &Introspection, rng: &mut Rng) -> Self {
        let issuer = stack.issuer();
        let member = |number: usize| {
            Draft::default()
                .claim("sub", json!(subject(number)))
                .claim(ACCOUNTS_CLAIM, json!([account(number)]))
        };
        let all = || 0..ACCOUNTS;
        let key = |number: usize| {
            let key = ApiKey::write(PREFIX, &account(number), &entropy(&mut rng.fork()));
            introspection.activate(&key, active(number));
            key
        };
        Self {
            keys: all().map(key).collect(),
            members: all().map(|number| issuer.mint(&member(number))).collect(),
            admin: issuer.administrator(),
            expired: all()
                .map(|number| issuer.mint(&member(number).claim("exp", json!(1_000_000_000))))
                .collect(),
            strangers: strangers(issuer, &member),
            unknown_keys: (0..UNKNOWN_KEYS)
                .map(|number| {
                    let kid = json!(format!("unknown-{number}"));
                    issuer.mint(&member(number % ACCOUNTS).header("kid", kid))
                })
                .collect(),
        }
    }

    /// Somebody's.
    pub fn credential(&self, rng: &mut Rng) -> Credential {
        let number = rng.usize(..ACCOUNTS);
        let of = |tokens: &[String], rng: &mut Rng| {
            let place = rng.usize(..tokens.len().max(1));
            tokens.get(place).cloned().unwrap_or_default()
        };
        let token = self.members.get(number).cloned().unwrap_or_default();
        let bearer = |text: &str| Some(format!("Bearer {text}").into_bytes());
        let refused = |header, refusals| Credential {
            right: Right::Nothing,
            header,
            refusals,
        };
        match rng.u8(..32) {
            0..=13 => Credential {
                right: Right::Member(number),
                header: bearer(&token),
                refusals: &[],
            },
            14..=17 => Credential {
                right: Right::Key(number),
                header: bearer(self.keys.get(number).map_or("", String::as_str)),
                // Nobody may be there to be asked, for as long as strangers' keys are asked about.
                refusals: &["503 introspection_unavailable"],
            },
            18..=20 => Credential {
                right: Right::Admin,
                header: bearer(&self.admin),
                refusals: &[],
            },
            21 => refused(None, &["401 token_missing"]),
            22 => refused(bearer(&of(&self.expired, rng)), &["401 token_expired"]),
            23 => refused(
                bearer(&other_signature(&token, rng)),
                &["401 token_signature"],
            ),
            24 => refused(bearer(&of(&self.strangers, rng)), STRANGE),
            25 => refused(bearer(&of(&self.unknown_keys, rng)), UNKNOWN),
            26 => refused(
                bearer(&ApiKey::write(PREFIX, &account(number), &entropy(rng))),
                &["401 key_inactive", "503 introspection_unavailable"],
            ),
            27 => refused(bearer(&mistyped(&token, rng)), &[]),
            28 => refused(Some(noise(rng, 300)), &[]),
            29 => refused(
                bearer(&format!("{token},Bearer {token}")),
                &["401 token_duplicate"],
            ),
            30 => refused(Some(b"Basic eDp5".to_vec()), &["401 token_missing"]),
            _ => refused(bearer(&"x".repeat(rng.usize(1..12_000))), &[]),
        }
    }
}

const STRANGE: &[&str] = &[
    "401 token_issuer",
    "401 token_algorithm",
    "401 token_audience",
    "401 token_malformed",
    "401 token_not_yet_valid",
];

const UNKNOWN: &[&str] = &["401 token_key", "503 keys_unavailable"];

fn active(number: usize) -> Value {
    json!({"sub": key_subject(number), "account": account(number)})
}

/// Tokens of a good key that say something wrong.
fn strangers(issuer: &Issuer, member: &impl Fn(usize) -> Draft) -> Vec<String> {
    let drafts = [
        member(0).claim("iss", json!("https://elsewhere.example")),
        member(0).claim("aud", json!("somebody else")),
        member(0).claim("nbf", json!(4_000_000_000_u64)),
        member(0).algorithm("none"),
        member(0).algorithm("HS256"),
        member(0).claim("sub", Value::Null),
    ];
    drafts.iter().map(|draft| issuer.mint(draft)).collect()
}

fn entropy(rng: &mut Rng) -> [u8; ENTROPY] {
    let mut entropy = [0; ENTROPY];
    rng.fill(&mut entropy);
    entropy
}

/// The signature begins with other letters.
fn other_signature(token: &str, rng: &mut Rng) -> String {
    let Some((signed, signature)) = token.rsplit_once('.') else {
        return String::new();
    };
    let other: String = (0..8).map(|_| rng.alphanumeric()).collect();
    format!("{signed}.{other}{}", signature.get(8..).unwrap_or_default())
}

/// One letter in the header or the claims is another one: no signature is right for that.
fn mistyped(token: &str, rng: &mut Rng) -> String {
    let end = token.rfind('.').unwrap_or(token.len());
    let place = rng.usize(..end.max(1));
    let mut bytes = token.as_bytes().to_vec();
    if let Some(byte) = bytes.get_mut(place) {
        *byte = if *byte == b'A' { b'B' } else { b'A' };
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Any bytes that a value may have, up to `longest`.
pub fn noise(rng: &mut Rng, longest: usize) -> Vec<u8> {
    let length = rng.usize(..longest);
    let byte = |rng: &mut Rng| match rng.u8(0x20..=0xff) {
        0x7f => b'~',
        other => other,
    };
    (0..length).map(|_| byte(rng)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_read_as_they_are_written() {
        for right in [
            Right::Nothing,
            Right::Member(3),
            Right::Key(12),
            Right::Admin,
        ] {
            let written = right.write();
            assert_eq!(Right::read([written.as_bytes()].into_iter()), right);
            let twice = [written.as_bytes(), written.as_bytes()];
            assert_eq!(Right::read(twice.into_iter()), Right::Nothing);
        }
    }
}
