//! A request's headers, read from a fuzz target's input.

use tollgate_policy::forward::Edits;

use super::edited;
use super::gates::{ACTIVE_KEY, INACTIVE_KEY};
use crate::line;
use crate::world::{SIGNERS, good_token, token};

/// What a client sent.
pub struct Sent {
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The one token that the issuer has signed.
    pub token: String,
    /// Its claims.
    pub claims: Vec<u8>,
}

// === impl Sent ===

impl Sent {
    /// Header lines to an empty one; then the claims.
    pub fn read(mut input: &[u8]) -> Self {
        let mut lines = Vec::new();
        while !input.is_empty() && lines.len() < 64 {
            let (first, rest) = line(input);
            input = rest;
            if first.is_empty() {
                break;
            }
            lines.push(first);
        }
        let claims = input.to_vec();
        // Signing takes most of the time.
        let has = |line: &&[u8]| line.windows(2).any(|two| two == b"$T");
        let token = if lines.iter().any(has) {
            good_token(&claims)
        } else {
            String::new()
        };
        let headers = lines
            .into_iter()
            .filter_map(|line| header(line, &token, &claims));
        Self {
            headers: headers.collect(),
            token,
            claims,
        }
    }

    /// All headers.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// The values of one.
    pub fn all(&self, wanted: &str) -> Vec<&[u8]> {
        let found = self
            .headers()
            .filter(|(name, _)| *name == wanted.as_bytes());
        found.map(|(_, value)| value).collect()
    }

    /// What nobody may read who cannot read the request. Not what else was sent as a credential: it can be a word of the
    /// refusal's.
    pub fn secrets(&self) -> Vec<Vec<u8>> {
        let keys = [&ACTIVE_KEY, &INACTIVE_KEY].map(|key| key.with(|key| key.clone().into_bytes()));
        let token = self.token.split('.').map(|part| part.as_bytes().to_vec());
        keys.into_iter()
            .chain(token)
            .filter(|secret| secret.len() >= 12)
            .collect()
    }

    /// The headers that go on.
    pub fn after(&self, edits: &Edits<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
        edited(self.headers(), edits)
    }
}

/// `name: value`, where Envoy would let it in: a name of token characters (RFC 9110 §5.1), in lower case.
fn header(line: &[u8], token: &str, claims: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let colon = 1 + line.get(1..)?.iter().position(|byte| *byte == b':')?;
    let name = line[..colon].to_ascii_lowercase();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let fits = matches!(name.as_slice(), b":method" | b":path" | b":authority")
        || name.iter().all(is_token);
    let value = line[colon + 1..].trim_ascii();
    fits.then(|| (name, filled(value, token, claims)))
}

/// A value with `$T` and the like in their places.
fn filled(value: &[u8], good: &str, claims: &[u8]) -> Vec<u8> {
    let Some(place) = value
        .windows(2)
        .position(|two| matches!(two, b"$T" | b"$O" | b"$K" | b"$I"))
    else {
        return value.to_vec();
    };
    let text = match value[place + 1] {
        b'T' => good.to_owned(),
        b'O' => token(
            br#"{"alg":"EdDSA","kid":"ed"}"#,
            claims,
            &SIGNERS[0],
            &SIGNERS[0].other,
        ),
        b'K' => ACTIVE_KEY.with(Clone::clone),
        _ => INACTIVE_KEY.with(Clone::clone),
    };
    [&value[..place], text.as_bytes(), &value[place + 2..]].concat()
}
