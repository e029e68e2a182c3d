//! The document in which an issuer says where its keys are (OpenID Connect Discovery 1.0 §3, §4).

use serde_json::Value;

use crate::json;
use crate::uri::Uri;

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
}
