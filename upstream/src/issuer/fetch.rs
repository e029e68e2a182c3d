//! Gets the issuer's key set over HTTP: discovery (OpenID Connect Discovery 1.0 §4), then `jwks_uri`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use tokio::time::timeout;

use crate::error::Error;

/// Both requests together.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// The largest answer, in bytes; key sets have a few thousand.
const SIZE_LIMIT: usize = 256 * 1024;

/// Gets a key set, as it is.
pub(super) trait Fetch: Send + Sync {
    fn fetch(&self) -> impl Future<Output = Result<Bytes, FetchError>> + Send;
}

/// Gets the key set of an issuer.
pub(super) struct Fetcher {
    issuer: String,
    discovery: Uri,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

/// Why the key set cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("no answer within {} s", TIME_LIMIT.as_secs())]
    Timeout,
    #[error("{uri}: {why}")]
    Transport {
        uri: Uri,
        why: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{uri}: status {status}")]
    Status { uri: Uri, status: StatusCode },
    #[error("the discovery document is not one: {0}")]
    Discovery(#[from] serde_json::Error),
    #[error("the discovery document is another issuer's")]
    Issuer,
    #[error(
        "the discovery document's `jwks_uri` must be an https URL, or http where the issuer is"
    )]
    KeysUri,
    #[error("the key set is not one: {0}")]
    KeySet(String),
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

// === impl Fetcher ===

impl Fetcher {
    pub(super) fn new(issuer: &str) -> Result<Self, Error> {
        let invalid = |why: &dyn ToString| Error::Issuer(why.to_string());
        let discovery = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        let discovery: Uri = discovery.parse().map_err(|why| invalid(&why))?;
        if !matches!(discovery.scheme_str(), Some("http" | "https")) {
            return Err(invalid(&issuer));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| invalid(&why))?
            .with_root_certificates(roots())
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            issuer: issuer.to_owned(),
            discovery,
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    async fn key_set(&self) -> Result<Bytes, FetchError> {
        let document = self.get(self.discovery.clone()).await?;
        let document: Discovery = serde_json::from_slice(&document)?;
        if document.issuer != self.issuer {
            return Err(FetchError::Issuer);
        }
        let uri: Uri = document.jwks_uri.parse().map_err(|_| FetchError::KeysUri)?;
        let scheme = uri.scheme_str();
        if scheme != Some("https") && scheme != self.discovery.scheme_str() {
            return Err(FetchError::KeysUri);
        }
        self.get(uri).await
    }

    /// Redirects are not followed: the issuer says where its keys are.
    async fn get(&self, uri: Uri) -> Result<Bytes, FetchError> {
        let transport = |why| FetchError::Transport {
            uri: uri.clone(),
            why,
        };
        let response = self.client.get(uri.clone()).await;
        let response = response.map_err(|why| transport(why.into()))?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(FetchError::Status { uri, status });
        }
        let body = Limited::new(response.into_body(), SIZE_LIMIT);
        let body = body.collect().await.map_err(transport)?;
        Ok(body.to_bytes())
    }
}

impl Fetch for Fetcher {
    async fn fetch(&self) -> Result<Bytes, FetchError> {
        timeout(TIME_LIMIT, self.key_set())
            .await
            .unwrap_or(Err(FetchError::Timeout))
    }
}

/// The system's certificates. None at all is no error here: an http issuer needs none.
fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        tracing::warn!(
            "no CA certificates were found on this system; an https issuer cannot be reached"
        );
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_a_url() {
        for good in [
            "https://id.example.com",
            "http://127.0.0.1:8080",
            "https://id.example.com/realm/",
        ] {
            assert!(Fetcher::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "id.example.com",
            "ftp://id.example.com",
            "https://",
            "https://a b",
        ] {
            assert!(matches!(Fetcher::new(bad), Err(Error::Issuer(_))), "{bad}");
        }
    }
}
