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
use tokio::time::timeout;
use tollgate_policy::key_source::{DiscoveryError, discovered};
use tollgate_policy::keys::MAX_BYTES;

use crate::error::Error;

/// Both requests together.
const TIME_LIMIT: Duration = Duration::from_secs(5);

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
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error("the key set is not one: {0}")]
    KeySet(String),
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
        let keys = discovered(&document, &self.issuer)?;
        let uri = Uri::builder()
            .scheme(keys.scheme.as_str())
            .authority(keys.authority)
            .path_and_query(keys.path);
        let uri = uri.build().map_err(|_| DiscoveryError::KeysUri)?;
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
        let body = Limited::new(response.into_body(), MAX_BYTES);
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
    use std::sync::Mutex;

    use axum::Router;
    use axum::extract::RawQuery;
    use axum::routing::get;

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

    #[tokio::test]
    async fn the_keys_are_where_the_discovery_document_says() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let served = Arc::new(Mutex::new(String::new()));
        let document = Arc::clone(&served);
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async move || document.lock().unwrap().clone()),
            )
            .route(
                "/keys",
                get(async |RawQuery(query)| query.unwrap_or_default()),
            );
        tokio::spawn(async { axum::serve(listener, router).await });

        let fetcher = Fetcher::new(&issuer).unwrap();
        let large = " ".repeat(MAX_BYTES);
        let no_uri =
            "the discovery document's `jwks_uri` is not an https URI, or http where the issuer is";
        let table = [
            ("", format!("{issuer}/keys?a=b"), "a=b"),
            (
                "/",
                format!("{issuer}/keys"),
                "`issuer` is not the configured one",
            ),
            ("", "/keys".to_owned(), no_uri),
            ("", format!("{issuer}/<keys>"), no_uri),
            ("", "http://[::/keys".to_owned(), no_uri),
            ("", format!("{issuer}/none"), "/none: status 404 Not Found"),
            (
                "",
                large,
                "/.well-known/openid-configuration: length limit exceeded",
            ),
        ];
        for (suffix, keys, expected) in table {
            *served.lock().unwrap() =
                format!(r#"{{"issuer":"{issuer}{suffix}","jwks_uri":"{keys}"}}"#);
            let found = match fetcher.fetch().await {
                Ok(body) => String::from_utf8(body.to_vec()).unwrap(),
                Err(error) => error.to_string(),
            };
            assert!(found.contains(expected), "{found}");
        }
    }
}
