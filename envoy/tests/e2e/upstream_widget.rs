//! Widgets at the upstream itself: keys, pages, visitors; in real databases.

mod agents;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_envoy::client::{Origin, Response};
use tollgate_policy::assertion::CredentialKind;

use crate::database::{Database, SYSTEM};
use crate::direct::{Direct, another_upstream, internal, upstream};
use crate::world::{AGENTS, gate, wait_until};

const KEYS: &str = "/api/v1/widget-keys";
const PAGE: &str = "https://acme.com";

/// An account with an agent and a widget's key.
struct Shop {
    account: Direct,
    agent: String,
    key: Value,
}

impl Shop {
    fn new(account: &'static str) -> Self {
        let account = Direct::new(account);
        let agent = account.send("POST", AGENTS, &json!({"name": "Ada"})).json();
        let new = json!({"name": "Shop", "domain_allowlist": ["acme.com", "*.acme.com"]});
        let key = account.send("POST", KEYS, &new);
        assert_eq!(key.status, 201, "{}", key.text());
        assert_eq!(key.header("cache-control"), Some("no-store"));
        Self {
            account,
            agent: text(&agent, "id").to_owned(),
            key: key.json(),
        }
    }

    fn change(&self, change: Value) -> Value {
        let path = format!("{KEYS}/{}", text(&self.key, "id"));
        let answer = self.account.send("PATCH", &path, &change);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    fn set_agent(&self, settings: &str, change: Value) -> Response {
        let path = format!("{AGENTS}/{}{settings}", self.agent);
        self.account.send("PATCH", &path, &change)
    }

    /// From a page, with the key and what else is said.
    fn ask(&self, page: &str, what: &str, mut body: Value) -> Response {
        body["client_key"] = self.key["key"].clone();
        post(page, what, &body)
    }

    fn guest(&self, page: &str) -> Response {
        self.ask(page, "guest", json!({}))
    }

    fn guest_of_agent(&self) -> String {
        let body = json!({"agent_id": self.agent});
        self.ask(PAGE, "guest", body).outcome()
    }

    fn api_key(&self) -> Value {
        let new = json!({"name": "Server", "expiry": "1y"});
        self.account.send("POST", "/api/v1/api-keys", &new).json()
    }
}

fn user_token(api_key: &str, user: &Value) -> Response {
    upstream()
        .post("/api/v1/widget/auth/user-token")
        .bearer(api_key)
        .json(user)
        .send()
        .unwrap()
}

fn post(page: &str, what: &str, body: &Value) -> Response {
    upstream()
        .post(format!("/api/v1/widget/auth/{what}"))
        .header("Origin", page)
        .json(body)
        .send()
        .unwrap()
}

fn refresh(page: &str, grant: &Value) -> Response {
    let body = json!({"refresh_token": grant["refresh_token"]});
    post(page, "refresh", &body)
}

fn text<'a>(json: &'a Value, field: &str) -> &'a str {
    json[field].as_str().unwrap()
}

/// A grant's tokens.
fn granted(answer: Response) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let grant = answer.json();
    assert_eq!(
        (&grant["token_type"], &grant["expires_in"]),
        (&json!("Bearer"), &json!(900))
    );
    grant
}

/// What a token says, once its signature was found to be of the published key.
fn claims(token: &str) -> Value {
    let keys = internal("GET", "/internal/widget/jwks")
        .send()
        .unwrap()
        .json();
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(keys).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let key = keys.find(&header.kid.unwrap()).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(key).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.set_issuer(&["https://accounts.internal/widget"]);
    validation.set_audience(&["widget"]);
    jsonwebtoken::decode::<Value>(token, &key, &validation)
        .unwrap()
        .claims
}

#[test]
fn a_guest_comes_from_a_page_that_the_key_allows() {
    let shop = Shop::new("widget-guest");
    let grant = granted(shop.guest(PAGE));
    let found = claims(text(&grant, "token"));
    assert_eq!(found["account"], "widget-guest");
    assert!(text(&found, "sub").starts_with("guest:"));
    assert_eq!(found.get("agent"), None);
    let another = claims(text(&granted(shop.guest("https://www.acme.com")), "token"));
    assert_ne!(found["sub"], another["sub"]);

    for page in [
        "https://evil.com",
        "null",
        "http://acme.com",
        "https://acme.com.evil.com",
        "",
    ] {
        assert_eq!(
            shop.guest(page).outcome(),
            "403 origin_not_allowed",
            "{page}"
        );
    }
    let request = || {
        upstream()
            .post("/api/v1/widget/auth/guest")
            .json(&json!({"client_key": shop.key["key"]}))
    };
    let two = request().header("Origin", PAGE).header("Origin", PAGE);
    let referer = request().header("Referer", "https://acme.com/shop");
    let outcomes = [request(), two, referer].map(|request| request.send().unwrap().outcome());
    assert_eq!(
        outcomes,
        ["403 origin_not_allowed", "403 origin_not_allowed", "200"]
    );

    assert_eq!(
        shop.change(json!({"domain_allowlist": []}))["domain_allowlist"],
        json!([])
    );
    assert_eq!(shop.guest(PAGE).outcome(), "403 origin_not_allowed");
}

#[test]
fn a_key_that_may_not_be_used_looks_like_none() {
    let shop = Shop::new("widget-key");
    let grant = granted(shop.guest(PAGE));
    let unknown = post(PAGE, "guest", &json!({"client_key": "pk_live_x"}));
    assert_eq!(unknown.outcome(), "401 client_key_invalid");
    let is_refused = || {
        for answer in [
            shop.guest(PAGE),
            shop.guest("https://evil.com"),
            refresh(PAGE, &grant),
        ] {
            assert_eq!((answer.status, answer.text()), (401, unknown.text()));
        }
    };
    shop.change(json!({"disabled": true}));
    is_refused();
    shop.change(json!({"disabled": false}));
    granted(refresh(PAGE, &grant));
    shop.account.set_status("suspended");
    is_refused();
    shop.account.set_status("active");
    granted(shop.guest(PAGE));

    let path = format!("{KEYS}/{}", text(&shop.key, "id"));
    let deleted = shop.account.request("DELETE", &path).send().unwrap();
    assert_eq!(deleted.status, 204);
    is_refused();
    Database::open(gate(), SYSTEM).run("delete from accounts where name = 'widget-key'");
    is_refused();
}

#[test]
fn a_visit_is_renewed_from_the_same_pages() {
    let shop = Shop::new("widget-refresh");
    let first = granted(shop.guest(PAGE));
    let second = granted(refresh("https://www.acme.com", &first));
    let subject = |grant: &Value| claims(text(grant, "token"))["sub"].clone();
    assert_eq!(subject(&first), subject(&second));
    assert_ne!(first["token"], second["token"]);
    assert_eq!(
        refresh("https://evil.com", &first).outcome(),
        "403 origin_not_allowed"
    );

    for other in [&first["token"], &json!("a.b.c")] {
        let answer = post(PAGE, "refresh", &json!({"refresh_token": other}));
        assert_eq!(answer.outcome(), "400 refresh_token_invalid");
    }
    shop.change(json!({"domain_allowlist": ["other.com"]}));
    assert_eq!(refresh(PAGE, &first).outcome(), "403 origin_not_allowed");
}

#[test]
fn another_instance_renews_it_too() {
    let shop = Shop::new("widget-instances");
    let grant = granted(shop.guest(PAGE));
    let another = another_upstream();
    let body = json!({"refresh_token": grant["refresh_token"]});
    let renewed = Origin::parse(another.url())
        .unwrap()
        .post("/api/v1/widget/auth/refresh")
        .header("Origin", PAGE)
        .json(&body)
        .send()
        .unwrap();
    claims(text(&granted(renewed), "token"));
}

#[test]
fn a_server_vouches_for_its_user() {
    let (shop, other) = (Shop::new("widget-user"), Shop::new("widget-user-other"));
    let api_key = shop.api_key();
    let user = json!({"external_user_id": "a/42", "display_name": "Ada", "email": "ada@acme.com"});
    let answer = user_token(text(&api_key, "key"), &user);
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (200, Some("no-store"))
    );
    assert_eq!(answer.json()["expires_in"], 300);
    let token = answer.json()["user_token"].clone();

    let exchange = |shop: &Shop, page, token: &Value| {
        shop.ask(
            page,
            "exchange",
            json!({"user_token": token, "agent_id": shop.agent}),
        )
    };
    let grant = granted(exchange(&shop, PAGE, &token));
    let found = claims(text(&grant, "token"));
    let expected = [
        ("sub", "user:a%2F42"),
        ("name", "Ada"),
        ("email", "ada@acme.com"),
    ];
    for (claim, expected) in expected {
        assert_eq!(found[claim], expected);
    }
    assert_eq!(found["agent"], shop.agent);
    let renewed = claims(text(&granted(refresh(PAGE, &grant)), "token"));
    for claim in ["sub", "name", "email", "agent", "account"] {
        assert_eq!(renewed[claim], found[claim], "{claim}");
    }

    assert_eq!(
        exchange(&shop, "https://evil.com", &token).outcome(),
        "403 origin_not_allowed"
    );
    assert_eq!(
        exchange(&other, PAGE, &token).outcome(),
        "400 user_token_invalid"
    );
    for forged in [&grant["token"], &grant["refresh_token"], &json!("a.b.c")] {
        assert_eq!(
            exchange(&shop, PAGE, forged).outcome(),
            "400 user_token_invalid"
        );
    }

    let path = format!("/api/v1/api-keys/{}", text(&api_key, "id"));
    shop.account
        .send("PATCH", &path, &json!({"disabled": true}));
    let refused = user_token(text(&api_key, "key"), &user);
    assert_eq!(refused.outcome(), "401 key_inactive");
    let client_key = user_token(text(&shop.key, "key"), &user);
    assert_eq!(client_key.outcome(), "401 key_inactive", "it is public");
}

#[test]
fn widget_keys_are_the_accounts_own_and_shown_once() {
    let (shop, other) = (Shop::new("widget-own"), Shop::new("widget-own-other"));
    let key = text(&shop.key, "key");
    assert!(key.starts_with("pk_live_widget-own_"), "{key}");
    let list = |shop: &Shop| shop.account.request("GET", KEYS).send().unwrap();
    let mut expected = shop.key.clone();
    expected.as_object_mut().unwrap().remove("key");
    assert_eq!(list(&shop).json(), json!([expected]));
    assert!(!list(&other).text().contains(text(&shop.key, "id")));

    let path = format!("{KEYS}/{}", text(&shop.key, "id"));
    let changed = other
        .account
        .send("PATCH", &path, &json!({"disabled": true}));
    assert_eq!(changed.outcome(), "404 key_not_found");
    let deleted = other.account.request("DELETE", &path).send().unwrap();
    assert_eq!(deleted.outcome(), "404 key_not_found");
    granted(shop.guest(PAGE));
    wait_until("its use is written", || {
        list(&shop).json()[0]["last_used_at"].is_string()
    });
}

#[test]
fn a_visitors_token_opens_agents_by_their_ids_and_nothing_else() {
    let shop = Shop::new("widget-visitor");
    let one = format!("{AGENTS}/{}", shop.agent);
    for (method, path, outcome) in [
        ("GET", one.as_str(), "200"),
        ("DELETE", &one, "403 credential_not_allowed"),
        ("GET", AGENTS, "403 credential_not_allowed"),
        ("GET", KEYS, "403 credential_not_allowed"),
        ("GET", "/api/v1/call-limits", "403 credential_not_allowed"),
    ] {
        let request = shop
            .account
            .with(CredentialKind::RestrictedJwt, method, path);
        assert_eq!(
            request.send().unwrap().outcome(),
            outcome,
            "{method} {path}"
        );
    }
}

#[test]
fn what_is_published_is_the_public_half() {
    let keys = internal("GET", "/internal/widget/jwks").send().unwrap();
    assert_eq!(
        keys.header("content-type"),
        Some("application/jwk-set+json")
    );
    let keys = keys.json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    let key = &keys["keys"][0];
    assert_eq!(key.get("d"), None);
    assert_eq!(
        BASE64_URL_SAFE_NO_PAD.decode(text(key, "x")).unwrap().len(),
        32
    );
}
