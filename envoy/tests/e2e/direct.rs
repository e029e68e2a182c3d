//! Requests to the upstream past the gate, with assertions that the test makes itself.

use serde_json::{Value, json};
use tollgate_envoy::client::{Origin, Request, Response};
use tollgate_envoy::upstream::Upstream;
use tollgate_policy::account::AccountName;
use tollgate_policy::assertion::{Assertion, AssertionKey, CredentialKind, HEADER};

use crate::database;
use crate::world::{gate, tool};

/// An account of a test's own, at the upstream itself.
#[derive(Clone, Copy)]
pub struct Direct {
    pub account: &'static str,
}

impl Direct {
    /// Creates it.
    pub fn new(account: &'static str) -> Self {
        let direct = Self { account };
        let created = direct
            .administer("POST", "")
            .json(&json!({"name": account}))
            .send()
            .unwrap();
        assert_eq!(created.status, 201, "{}", created.text());
        direct
    }

    /// A request by a user.
    pub fn request(self, method: &str, path: &str) -> Request {
        self.with(CredentialKind::Jwt, method, path)
    }

    /// A request by whoever has such a credential.
    pub fn with(self, credential: CredentialKind, method: &str, path: &str) -> Request {
        upstream()
            .request(method, path)
            .header(HEADER, self.assertion(credential, false))
    }

    /// A request with a body; what it came to.
    pub fn send(self, method: &str, path: &str, body: &Value) -> Response {
        self.request(method, path).json(body).send().unwrap()
    }

    pub fn set_status(self, status: &str) {
        let request = self.administer("PATCH", &format!("/{}", self.account));
        let answer = request.json(&json!({"status": status})).send().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// A request by an administrator, below the list of accounts.
    pub fn administer(self, method: &str, path: &str) -> Request {
        upstream()
            .request(method, format!("/api/admin/accounts{path}"))
            .header(HEADER, self.assertion(CredentialKind::Jwt, true))
    }

    fn assertion(self, credential: CredentialKind, admin: bool) -> String {
        let assertion = Assertion {
            account: AccountName::parse(self.account.as_bytes()).unwrap(),
            subject: "user-1".to_owned(),
            admin,
            credential,
        };
        let key = AssertionKey::new(gate().assertion_key().as_bytes()).unwrap();
        let now = jsonwebtoken::get_current_timestamp();
        key.sign(&assertion, "upstream", now, 60).unwrap()
    }
}

/// The upstream's public listener.
pub fn upstream() -> Origin {
    Origin::parse(&gate().upstream_url()).unwrap()
}

/// A request to the upstream's internal listener.
pub fn internal(method: &str, path: &str) -> Request {
    let internal = Origin::parse(gate().internal_url().unwrap()).unwrap();
    internal.request(method, path)
}

/// Another instance of the upstream, with the same databases and secrets.
pub fn another_upstream() -> Upstream {
    let issuer = gate().issuer().url();
    Upstream::start(&tool(), &database::url(gate()), issuer, gate().secrets()).unwrap()
}
