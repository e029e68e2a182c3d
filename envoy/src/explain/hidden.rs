//! Secrets taken out of an explanation, wherever a client or a server has put them.

use std::mem;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::report::{Explanation, Verdict};

/// What is shown instead.
const HIDDEN: &str = "…";

/// Bytes below which a credential is a word like others.
const LEAST: usize = 8;

/// Letters of which a credential can have some (RFC 6750 §2.1).
const OF_CREDENTIALS: &str = "-._~+/=";

/// Takes secrets out of texts: signatures of JWTs, what follows `Bearer `, and API keys.
#[derive(Clone, Copy, Debug)]
pub struct Hider<'a> {
    /// How API keys begin, where there are some that begin with something.
    pub prefix: Option<&'a str>,
    /// What the request has shown: an opaque token has no other mark.
    pub credential: Option<&'a str>,
}

// === impl Hider ===

impl Hider<'_> {
    /// Takes them out of all that others have written.
    pub fn explanation(self, explanation: &mut Explanation) {
        let Explanation {
            at,
            request,
            steps,
            verdict,
            // These are in words of our own, with names of files.
            version: _,
            configuration: _,
            notes: _,
        } = explanation;
        self.replace(at);
        self.replace(&mut request.method);
        self.replace(&mut request.path);
        for step in steps {
            // What is said of the credential is in words of our own: `Bearer sk_live_acme_…`.
            let seen = step.looked_at.iter_mut();
            for seen in seen.filter(|seen| seen.what != "authorization") {
                seen.value = self.value(mem::take(&mut seen.value));
            }
            self.replace(&mut step.because);
        }
        self.verdict(verdict);
    }

    /// The headers of the answer are the gate's own, and repeat nothing.
    fn verdict(self, verdict: &mut Verdict) {
        let state = verdict.filter_state.iter_mut();
        let mut texts: Vec<_> = state.map(|(_, value)| value).collect();
        if let Some(upstream) = &mut verdict.upstream {
            texts.extend(upstream.set.iter_mut().map(|(_, value)| value));
            texts.extend(&mut upstream.removed);
            if let Some(assertion) = &mut upstream.assertion {
                assertion.header = self.value(mem::take(&mut assertion.header));
                assertion.claims = self.value(mem::take(&mut assertion.claims));
            }
        }
        for text in texts {
            self.replace(text);
        }
    }

    /// A value without them, in names of members too.
    pub fn value(self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => {
                let members = members.into_iter();
                members
                    .map(|(name, value)| (self.text(&name), self.value(value)))
                    .collect()
            }
            other => other,
        }
    }

    /// A text without them. Where one is percent-encoded, the part of the path with it is hidden whole.
    pub fn text(self, text: &str) -> String {
        let text = self.plain(text);
        if !text.contains('%') {
            return text;
        }
        let parts = text.split_inclusive(|letter: char| letter == '/' || letter.is_whitespace());
        parts.map(|part| self.part(part)).collect()
    }

    fn part(self, part: &str) -> String {
        let mut decoded = part.to_owned();
        loop {
            let further = percent_decode_str(&decoded).decode_utf8_lossy();
            if further == decoded {
                return part.to_owned();
            }
            decoded = further.into_owned();
            if self.plain(&decoded) != decoded {
                let end =
                    part.trim_end_matches(|letter: char| letter == '/' || letter.is_whitespace());
                let behind = part.get(end.len()..).unwrap_or_default();
                return format!("{HIDDEN}{behind}");
            }
        }
    }

    /// A text without those that stand in it as they are.
    fn plain(self, text: &str) -> String {
        let text = match self.credential {
            Some(credential) if credential.len() >= LEAST && signature(credential).is_none() => {
                text.replace(credential, HIDDEN)
            }
            _ => text.to_owned(),
        };
        let text = behind(&text, "bearer ");
        let text = match self.prefix {
            Some(prefix) => behind(&text, &prefix.to_ascii_lowercase()),
            None => text,
        };
        unsigned(&text)
    }

    fn replace(self, text: &mut String) {
        *text = self.text(text);
    }
}

/// A text where what follows `start` (in lower case), up to the credential's end, is hidden: where a word begins so, or
/// anywhere where no word could end so.
fn behind(text: &str, start: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let (mut kept, mut done) = (String::new(), 0);
    let is_mark = start.ends_with(['_', '-']);
    for (place, found) in lower.match_indices(start) {
        let before = text.get(..place).and_then(|before| before.chars().last());
        let is_word = before.is_none_or(|before| !before.is_ascii_alphanumeric());
        let from = place + found.len();
        if place < done || !(is_word || is_mark) {
            continue;
        }
        let rest = text.get(from..).unwrap_or_default();
        let length = rest.find(|letter| !is_of(letter)).unwrap_or(rest.len());
        if length > 0 {
            kept.push_str(text.get(done..from).unwrap_or_default());
            kept.push_str(HIDDEN);
            done = from + length;
        }
    }
    kept + text.get(done..).unwrap_or_default()
}

/// A text where what follows the second dot of each JWT is hidden.
fn unsigned(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_of) {
        let (before, word) = rest.split_at(start);
        let end = word.find(|letter| !is_of(letter)).unwrap_or(word.len());
        let (word, behind) = word.split_at(end);
        kept.push_str(before);
        match signature(word) {
            Some(place) => {
                kept.push_str(word.get(..place).unwrap_or_default());
                kept.push_str(HIDDEN);
            }
            None => kept.push_str(word),
        }
        rest = behind;
    }
    kept + rest
}

/// Where in a word what follows a JWT's claims begins.
fn signature(word: &str) -> Option<usize> {
    let dots: Vec<_> = word.match_indices('.').map(|(place, _)| place).collect();
    let ends = dots.windows(2);
    let mut starts_and_ends = [0]
        .into_iter()
        .chain(dots.iter().map(|dot| dot + 1))
        .zip(ends);
    starts_and_ends.find_map(|(start, ends)| {
        let [header, claims] = ends else { return None };
        let header = word.get(start..*header)?;
        is_header(header).then_some(claims + 1)
    })
}

/// Whether a JSON object is encoded in it, or in the end of it: `{"` is `eyJ`.
fn is_header(text: &str) -> bool {
    let decoded = URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
    let is_object = |bytes: Vec<u8>| {
        let members = bytes.trim_ascii_start().strip_prefix(b"{");
        members.is_some_and(|members| members.trim_ascii_start().starts_with(b"\""))
    };
    text.contains("eyJ") || decoded.is_ok_and(is_object)
}

fn is_of(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || OF_CREDENTIALS.contains(letter)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_are() {
        let hider = Hider {
            prefix: Some("sk_live_"),
            credential: Some("OPAQUE-SECRET"),
        };
        let spaced = URL_SAFE_NO_PAD.encode("{ \"alg\": \"none\"}");
        for (text, expected) in [
            ("eyJhIjox.eyJiIjox.SECRET", "eyJhIjox.eyJiIjox.…"),
            ("/t/eyJhIjox.e30.SECRET/x", "/t/eyJhIjox.e30.…"),
            ("a.eyJhIjox.e30.SECRET, b", "a.eyJhIjox.e30.…, b"),
            ("eyJhIjox.k.iv.SECRET.tag", "eyJhIjox.k.…"),
            (&format!("{spaced}.e30.SECRET"), &format!("{spaced}.e30.…")),
            ("bearer SECRET", "bearer …"),
            ("sk_live_acme_SECRET", "sk_live_…"),
            (
                "key \"sk_live_SECRET\", sk_live_S",
                "key \"sk_live_…\", sk_live_…",
            ),
            ("/xsk_live_SECRET", "/xsk_live_…"),
            ("/a/eyJhIjox%2Ee30%2ESECRET/b", "/a/…/b"),
            ("/a/Bearer%2520SECRET x", "/a/… x"),
            ("/key/SK%5fLIVE_SECRET", "/key/…"),
            ("/a/OPAQUE-SECRET/b", "/a/…/b"),
            ("/a/OPAQUE%2DSECRET", "/a/…"),
            ("/a%20b/100%/%zz", "/a%20b/100%/%zz"),
            ("exam.ple.com", "exam.ple.com"),
            ("task_live_ is no key", "task_live_ is no key"),
            ("`Authorization: Bearer …`", "`Authorization: Bearer …`"),
            ("api.example.com/v1.2/a", "api.example.com/v1.2/a"),
            ("ü sk_live_ü", "ü sk_live_ü"),
        ] {
            assert_eq!(hider.text(text), expected, "{text}");
        }
        let value = json!({"Bearer S": ["sk_live_S", {"a": "eyJ.b.S"}], "n": 1});
        let expected = json!({"Bearer …": ["sk_live_…", {"a": "eyJ.b.…"}], "n": 1});
        assert_eq!(hider.value(value), expected);
        let none = Hider {
            prefix: None,
            credential: Some(""),
        };
        assert_eq!(none.text("sk_live_a"), "sk_live_a");
    }
}
