//! Where an issuer's keys come from.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::json;
use crate::keys::KeySet;

/// The longest `max_wait` that can be configured.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Where an issuer's keys come from: an inline set, a fetched one, or the first until the second is there.
#[derive(Debug)]
pub struct Source {
    /// A set in the configuration.
    pub inline: Option<Arc<KeySet>>,
    /// A set to fetch.
    pub remote: Option<Remote>,
}

/// A key set behind an Envoy cluster.
#[derive(Debug)]
pub struct Remote {
    /// The cluster that reaches the issuer.
    pub cluster: String,
    /// Where the set is.
    pub location: Location,
    /// How old keys grow before they are fetched again.
    pub refresh: Duration,
    /// How long one fetch may take.
    pub timeout: Duration,
    /// How long after one fetch for a key that is not in the set the next one may be made.
    pub unknown_kid_cooldown: Duration,
    /// How old keys may grow while fetching them fails.
    pub max_stale: Duration,
    /// How long a request may wait for the first keys.
    pub max_wait: Duration,
}

/// Where a key set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// Here.
    KeySet(Uri),
    /// Where the `jwks_uri` of the discovery document says, which is here (OpenID Connect Discovery §4).
    Discovery(Uri),
}

/// An absolute `http` or `https` URI, in the pieces that a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    /// `http` or `https`.
    pub scheme: String,
    /// Host and port.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

/// Why a discovery document does not lead to the keys.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// It is no JSON object.
    #[error("the discovery document is not JSON: {0}")]
    NotJson(String),
    /// It is somebody else's.
    #[error("the discovery document's `issuer` is not the configured one, exactly")]
    Issuer,
    /// It does not say where the keys are.
    #[error("the discovery document's `jwks_uri` is not an https URI, or http where the issuer is")]
    KeysUri,
}

// === impl Remote ===

impl Remote {
    /// A name for where the keys of `issuer` come from, the same in every worker: 32 hexadecimal digits.
    pub fn fingerprint(&self, issuer: &str) -> String {
        let (kind, uri) = match &self.location {
            Location::KeySet(uri) => ("set", uri),
            Location::Discovery(uri) => ("discovery", uri),
        };
        let mut hash = Sha256::new();
        for part in [
            issuer,
            &self.cluster,
            kind,
            &uri.scheme,
            &uri.authority,
            &uri.path,
        ] {
            hash.update(part);
            // No part has one.
            hash.update([0]);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let half = hash.first_chunk().copied().unwrap_or_default();
        format!("{:032x}", u128::from_be_bytes(half))
    }
}

// === impl Location ===

impl Location {
    /// The first document to fetch.
    pub fn uri(&self) -> &Uri {
        match self {
            Self::KeySet(uri) | Self::Discovery(uri) => uri,
        }
    }
}

// === impl Uri ===

impl Uri {
    /// Splits an absolute URI (RFC 3986 §3) without user information and fragment.
    ///
    /// ```
    /// # use tollgate_policy::key_source::Uri;
    /// let uri = Uri::parse("https://id.example.com/oauth/v2/keys").unwrap();
    /// assert_eq!(uri.authority, "id.example.com");
    /// assert_eq!(uri.path, "/oauth/v2/keys");
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains(['#', '@', '\\']) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let authority_ends = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(authority_ends)?;
        let path = match path {
            "" => "/".to_owned(),
            query if query.starts_with('?') => format!("/{query}"),
            path => path.to_owned(),
        };
        (matches!(scheme, "http" | "https") && !authority.is_empty()).then(|| Self {
            scheme: scheme.to_owned(),
            authority: authority.to_owned(),
            path,
        })
    }
}

/// Where a discovery document says that the issuer's keys are (OpenID Connect Discovery §3, §4.3).
///
/// # Errors
///
/// [`DiscoveryError`].
pub fn discovered(document: &[u8], issuer: &str) -> Result<Uri, DiscoveryError> {
    let document =
        json::object(document).map_err(|error| DiscoveryError::NotJson(error.to_string()))?;
    if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err(DiscoveryError::Issuer);
    }
    let uri = document.get("jwks_uri").and_then(Value::as_str);
    let uri = uri.and_then(Uri::parse).ok_or(DiscoveryError::KeysUri)?;
    if uri.scheme == "https" || issuer.starts_with("http://") {
        return Ok(uri);
    }
    Err(DiscoveryError::KeysUri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris() {
        let uri = |scheme: &str, authority: &str, path: &str| {
            Some(Uri {
                scheme: scheme.to_owned(),
                authority: authority.to_owned(),
                path: path.to_owned(),
            })
        };
        for (text, expected) in [
            ("http://keys", uri("http", "keys", "/")),
            ("http://keys:8080/a?b=c", uri("http", "keys:8080", "/a?b=c")),
            ("https://[::1]:1/a", uri("https", "[::1]:1", "/a")),
            ("https://keys?a", uri("https", "keys", "/?a")),
            ("ftp://keys/a", None),
            ("keys/a", None),
            ("https:///a", None),
            ("https://user@keys/a", None),
            ("https://keys/a#b", None),
            ("https://keys/a\r\nb", None),
        ] {
            assert_eq!(Uri::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_discovery_document_must_be_the_issuers_own() {
        let document = |issuer: &str, uri: &str| {
            discovered(
                format!(r#"{{"issuer":"{issuer}","jwks_uri":"{uri}"}}"#).as_bytes(),
                "https://id.example.com",
            )
            .map(|uri| uri.path)
        };
        let ours = "https://id.example.com";
        assert_eq!(
            document(ours, "https://id.example.com/keys"),
            Ok("/keys".to_owned())
        );
        assert_eq!(
            document("https://id.example.com/", "https://x/k"),
            Err(DiscoveryError::Issuer)
        );
        assert_eq!(
            document(ours, "http://id.example.com/keys"),
            Err(DiscoveryError::KeysUri)
        );
        assert_eq!(document(ours, "/keys"), Err(DiscoveryError::KeysUri));
        assert_eq!(discovered(b"{}", ours), Err(DiscoveryError::Issuer));
        assert!(matches!(
            discovered(b"<html>", ours),
            Err(DiscoveryError::NotJson(_))
        ));
    }

    #[test]
    fn each_source_has_its_own_fingerprint() {
        let remote = |cluster: &str, location: Location| Remote {
            cluster: cluster.to_owned(),
            location,
            refresh: Duration::ZERO,
            timeout: Duration::ZERO,
            unknown_kid_cooldown: Duration::ZERO,
            max_stale: Duration::ZERO,
            max_wait: Duration::ZERO,
        };
        let uri = |text| Uri::parse(text).unwrap();
        let mut all = vec![
            remote("a", Location::KeySet(uri("http://a/b"))).fingerprint("x"),
            remote("a", Location::KeySet(uri("http://a/b"))).fingerprint("y"),
            remote("b", Location::KeySet(uri("http://a/b"))).fingerprint("x"),
            remote("a", Location::Discovery(uri("http://a/b"))).fingerprint("x"),
            remote("a", Location::KeySet(uri("https://a/b"))).fingerprint("x"),
            remote("a", Location::KeySet(uri("http://a/c"))).fingerprint("x"),
            remote("a", Location::KeySet(uri("http://c/b"))).fingerprint("x"),
        ];
        assert!(all.iter().all(|name| name.len() == 32));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 7);
    }
}
