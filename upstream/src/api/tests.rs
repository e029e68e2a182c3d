//! The whole router, with a database that is never reached: who gets in, and how refusals look.

mod credentials;
mod document;
mod lifecycle;
mod named;
mod operations;
mod public;
mod widget;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Parser;
use futures_util::stream;
use serde_json::{Value, json};
use tollgate_policy::account::AccountName;
use tollgate_policy::assertion::{Assertion, AssertionKey, CredentialKind};
use tower::ServiceExt;

use super::{Api, authenticator, router};
use crate::database::Databases;
use crate::issuer::Issuer;
use crate::keys::{LastUses, Pepper};
use crate::options::Options;
use crate::secrets::Secret;
use crate::widget::WidgetSecret;
use crate::widget::token::Tokens;

const KEY: &[u8] = &[7; 32];

/// Nothing listens on port 1.
const ISSUER: &str = "http://127.0.0.1:1";

type Headers<'a> = &'a [(&'a str, &'a str)];

/// Status and code.
type Brief<'a> = (u16, &'a str);

/// An answer, as a client sees it.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn brief(&self) -> Brief<'_> {
        let code = self.body["code"].as_str().unwrap_or_default();
        (self.status.as_u16(), code)
    }
}

fn service(dev: bool) -> Router {
    service_of(api(&options(dev)))
}

fn service_of(api: Api) -> Router {
    let gate = authenticator(AssertionKey::new(KEY).unwrap(), "upstream");
    router(api, Arc::new(gate))
}

fn options(dev: bool) -> Options {
    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }
    let arguments = [
        "test",
        "--database-url=postgres://nobody@127.0.0.1:1",
        "--issuer",
        ISSUER,
        "--audience=api",
    ];
    let dev = dev.then_some("--dev");
    Command::parse_from(arguments.into_iter().chain(dev)).options
}

fn api(options: &Options) -> Api {
    let databases = Databases::new(options).unwrap();
    let issuer = Issuer::new(options).unwrap();
    let pepper = Pepper::new(&Secret::of_test(1));
    let secret = WidgetSecret::new(&Secret::of_test(2));
    let tokens = Tokens::new(options.widget_issuer().unwrap(), secret);
    let uses = LastUses::default();
    Api::new(databases, issuer, pepper, tokens, uses, options)
}

/// Asks a service of its own. A request is `METHOD PATH`.
async fn ask(request: &str, headers: Headers<'_>, body: &str) -> Answer {
    ask_of(service(false), request, headers, body).await
}

async fn ask_of(service: Router, request: &str, headers: Headers<'_>, body: &str) -> Answer {
    let (method, path) = request.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = service.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    elapsed.as_secs()
}

fn assertion(account: &str, admin: bool) -> Assertion {
    Assertion {
        account: AccountName::parse(account.as_bytes()).unwrap(),
        subject: "user-1".to_owned(),
        admin,
        credential: CredentialKind::Jwt,
    }
}

fn signed(key: &[u8], audience: &str, from: u64, assertion: &Assertion) -> String {
    let key = AssertionKey::new(key).unwrap();
    key.sign(assertion, audience, from, 60).unwrap()
}

fn good() -> String {
    signed(KEY, "upstream", now(), &assertion("acme", false))
}

fn admin() -> String {
    signed(KEY, "upstream", now(), &assertion("acme", true))
}

const ASSERTION: &str = "x-tollgate-assertion";
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn only_an_assertion_is_believed() {
    let member = assertion("acme", false);
    let good = good();
    let other_key = signed(&[8; 32], "upstream", now(), &member);
    let expired = signed(KEY, "upstream", now() - 120, &member);
    let other_audience = signed(KEY, "billing", now(), &member);
    let reserved = signed(KEY, "upstream", now(), &assertion("kataven-admin", true));
    let cut = &good[..good.len() - 2];
    let account = ("x-account-id", "acme");
    let bearer = ("authorization", "Bearer good");
    let table: &[(&str, Headers, Brief)] = &[
        ("nothing", &[], (401, "assertion_missing")),
        (
            "bare headers",
            &[
                account,
                bearer,
                ("x-admin", "true"),
                ("x-tollgate-subject", "user-1"),
            ],
            (401, "assertion_missing"),
        ),
        (
            "empty",
            &[(ASSERTION, ""), account],
            (401, "assertion_invalid"),
        ),
        (
            "another key",
            &[(ASSERTION, &other_key), account],
            (401, "assertion_invalid"),
        ),
        (
            "cut",
            &[(ASSERTION, cut), account],
            (401, "assertion_invalid"),
        ),
        (
            "expired",
            &[(ASSERTION, &expired), account],
            (401, "assertion_invalid"),
        ),
        (
            "another audience",
            &[(ASSERTION, &other_audience)],
            (401, "assertion_invalid"),
        ),
        (
            "two",
            &[(ASSERTION, &good), (ASSERTION, &good)],
            (401, "assertion_invalid"),
        ),
        ("not text", &[(ASSERTION, "é")], (401, "assertion_invalid")),
        (
            "forged account",
            &[(ASSERTION, &good), ("x-account-id", "globex")],
            (401, "assertion_invalid"),
        ),
        (
            "second account",
            &[(ASSERTION, &good), account, ("x-account-id", "globex")],
            (401, "assertion_invalid"),
        ),
        (
            "both accounts",
            &[(ASSERTION, &good), ("x-account-id", "acme,globex")],
            (401, "assertion_invalid"),
        ),
        (
            "reserved",
            &[(ASSERTION, &reserved)],
            (403, "account_reserved"),
        ),
        // Let in: it gets as far as the database.
        (
            "good",
            &[(ASSERTION, &good), account],
            (503, "database_unavailable"),
        ),
        (
            "good, no account",
            &[(ASSERTION, &good)],
            (503, "database_unavailable"),
        ),
    ];
    for (what, headers, expected) in table {
        for path in ["GET /api/v1/agents", "GET /hub-api/api/v1/agents"] {
            let answer = ask(path, headers, "").await;
            assert_eq!(answer.brief(), *expected, "{path}: {what}");
        }
    }
}

#[tokio::test]
async fn the_key_before_is_believed_while_there_is_one() {
    let member = assertion("acme", false);
    let by_old = |now| signed(&[8; 32], "upstream", now, &member);
    let (good, expired) = (by_old(now()), by_old(now() - 120));
    let unknown = signed(&[9; 32], "upstream", now(), &member);
    let status = async |old: bool, assertion: &str| {
        let gate = authenticator(AssertionKey::new(KEY).unwrap(), "upstream");
        let gate = if old {
            gate.or_signed_with(AssertionKey::new(&[8; 32]).unwrap())
        } else {
            gate
        };
        let service = router(api(&options(false)), Arc::new(gate));
        let headers = [("x-tollgate-assertion", assertion)];
        let answer = ask_of(service, "GET /nowhere", &headers, "").await;
        answer.status
    };
    assert_eq!(status(false, &good).await, 401);
    assert_eq!(status(true, &good).await, 404);
    assert_eq!(
        status(true, &signed(KEY, "upstream", now(), &member)).await,
        404
    );
    for wrong in [&expired, &unknown] {
        assert_eq!(status(true, wrong).await, 401);
    }
}

#[tokio::test]
async fn administrators_are_asserted() {
    let body = r#"{"name": "postgres"}"#;
    let member = good();
    let headers = [(ASSERTION, member.as_str()), ("x-admin", "true"), JSON];
    let answer = ask("POST /api/admin/accounts", &headers, body).await;
    assert_eq!(answer.brief(), (403, "admin_required"));

    let admin = admin();
    let table = [
        (body, (403, "account_reserved")),
        (r#"{"name": "kataven-admin"}"#, (403, "account_reserved")),
        (r#"{"name": "No"}"#, (400, "account_invalid")),
        (r#"{"name": "new"}"#, (503, "database_unavailable")),
        (
            r#"{"name": "new", "status": "active"}"#,
            (400, "body_invalid"),
        ),
    ];
    for (body, expected) in table {
        let headers = [(ASSERTION, admin.as_str()), JSON];
        let answer = ask("POST /api/admin/accounts", &headers, body).await;
        assert_eq!(answer.brief(), expected, "{body}");
    }
}

#[tokio::test]
async fn bodies_are_understood_or_refused() {
    let large = format!(r#"{{"name": "{}"}}"#, "a".repeat(super::BODY_LIMIT));
    let table: &[(Headers, &str, Brief)] = &[
        (&[JSON], "{", (400, "body_invalid")),
        (&[JSON], "", (400, "body_invalid")),
        (&[JSON], "{}", (400, "body_invalid")),
        (&[JSON], r#"["Ada"]"#, (400, "body_invalid")),
        (&[JSON], r#"{"name": ""}"#, (400, "body_invalid")),
        (&[JSON], &large, (413, "body_too_large")),
        (&[], r#"{"name": "Ada"}"#, (415, "media_type_unsupported")),
    ];
    let good = good();
    for (headers, body, expected) in table {
        let headers: Vec<_> = headers
            .iter()
            .copied()
            .chain([(ASSERTION, good.as_str())])
            .collect();
        let answer = ask("POST /api/v1/agents", &headers, body).await;
        assert_eq!(answer.brief(), *expected, "{}", &body[..body.len().min(40)]);
    }
}

#[tokio::test]
async fn a_refusal_is_a_problem() {
    let answer = ask("GET /api/v1/agents", &[], "").await;
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert!(answer.headers.contains_key("www-authenticate"));
    assert_eq!(answer.body["type"], "about:blank");
    assert_eq!(answer.body["title"], "Unauthorized");
    assert_eq!(answer.body["status"], 401);
    assert!(answer.body["detail"].is_string());

    let answer = ask("GET /api/v1/agents", &[(ASSERTION, &good())], "").await;
    assert_eq!(answer.headers["retry-after"], "1");

    let answer = ask("PUT /api/v1/agents", &[(ASSERTION, &good())], "").await;
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.headers["allow"], "GET,HEAD,POST");
}

fn plausible() -> String {
    let encode = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = encode(json!({"alg": "RS256", "kid": "a"}));
    let claims = json!({"iss": ISSUER, "aud": "api", "sub": "user-1", "exp": 4_102_444_800_u64});
    format!("Bearer {header}.{}.AA", encode(claims))
}

#[tokio::test]
async fn the_bearer_is_one_and_a_token() {
    // A token that is right as far as one can see gets as far as the issuer, which cannot be reached.
    let plausible = plausible();
    let none = "Bearer eyJhbGciOiJub25lIn0.e30.";
    // Not among those that are accepted unless the options say so.
    let other = plausible.replace("eyJhbGciOiJSUzI1NiIs", "eyJhbGciOiJQUzI1NiIs");
    assert_ne!(other, plausible);
    let symmetric = "bearer eyJhbGciOiJIUzI1NiJ9.e30.AA";
    let table: &[(&[&str], Brief)] = &[
        (&["Basic YTpi"], (401, "token_missing")),
        (&["Bearer"], (401, "token_missing")),
        (&["Bearer a", "Bearer a"], (401, "token_duplicate")),
        (&["Bearer a"], (401, "token_malformed")),
        (&[none], (401, "token_algorithm")),
        (&[symmetric], (401, "token_algorithm")),
        (&[&other], (401, "token_algorithm")),
        (&[&plausible], (503, "keys_unavailable")),
    ];
    for (values, expected) in table {
        let headers: Vec<_> = values
            .iter()
            .map(|value| ("authorization", *value))
            .collect();
        let answer = ask("GET /api/user/org", &headers, "").await;
        assert_eq!(answer.brief(), *expected, "{values:?}");
        let header = if expected.0 == 401 {
            "www-authenticate"
        } else {
            "retry-after"
        };
        assert!(answer.headers.contains_key(header), "{values:?}");
    }
}

#[tokio::test]
async fn the_mock_login_is_for_development() {
    let request = Request::post("/api/login").body(Body::empty()).unwrap();
    let response = service(true).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes_is_given_up() {
    let request = Request::post("/api/v1/agents")
        .header(ASSERTION, good())
        .header(JSON.0, JSON.1)
        .body(Body::from_stream(stream::pending::<
            Result<Bytes, Infallible>,
        >()))
        .unwrap();
    let started = tokio::time::Instant::now();
    let response = service(false).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(started.elapsed(), super::recipient::TIME_LIMIT);
}
