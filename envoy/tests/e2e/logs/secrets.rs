//! After traffic of every kind, no secret is in what Envoy and the upstream tell: logs, statistics, the configuration.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tollgate_envoy::client::{Origin, Response};
use tollgate_envoy::issuer::Draft;

use crate::direct::{Direct, internal, upstream};
use crate::world::{AGENTS, gate};

const ACCOUNT: &str = "secrets-one";
const PAGE: &str = "https://acme.com";

/// What nobody may find, by what it is.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn add(&mut self, what: &'static str, secret: &str) {
        assert!(secret.len() >= 16, "{what}: {secret:?} could be anywhere");
        self.0.push((what, secret.to_owned()));
    }

    /// What makes a token one, and what is in it.
    fn token(&mut self, what: &'static str, token: &str) {
        for part in token.split('.').skip(1) {
            self.add(what, part);
        }
    }

    /// The part of a key that is not shown in lists; its end is.
    fn key(&mut self, what: &'static str, key: &str) {
        let secret = key.rsplit('_').next().unwrap();
        self.add(what, &secret[..31]);
    }

    /// As it is, or written in another way.
    fn are_not_in(&self, place: &str, text: &str) {
        for (what, secret) in &self.0 {
            let bytes = secret.as_bytes();
            // Where it begins in the middle of other bytes, base64 of it looks different.
            let inner = |skip: usize| bytes.get(skip..skip + 12).unwrap();
            let mut forms = vec![
                secret.clone(),
                bytes
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect::<Vec<_>>()
                    .concat(),
            ];
            for skip in 0..3 {
                forms.push(BASE64_STANDARD_NO_PAD.encode(inner(skip)));
                forms.push(BASE64_URL_SAFE_NO_PAD.encode(inner(skip)));
            }
            for form in forms {
                assert!(
                    !text.contains(&form),
                    "{place} has a secret: {what}, as {form}"
                );
            }
        }
    }
}

/// Good and bad, a token a line.
fn tokens(secrets: &mut Secrets) {
    let issuer = gate().issuer();
    let good = issuer.member(ACCOUNT);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let backwards: String = signature.chars().rev().collect();
    let tampered = format!("{signed}.{backwards}");
    let draft = || Draft::member(ACCOUNT);
    let others = [
        issuer.mint(&draft().claim("exp", json!(1))),
        issuer.mint(&draft().claim("aud", json!("another"))),
        issuer.mint(&draft().claim("iss", json!("https://another.example"))),
        issuer.mint(&Draft::administrator()),
    ];
    secrets.add("a reversed signature", &backwards);
    for token in [good, tampered].iter().chain(&others) {
        secrets.token("a token", token);
        for path in [
            AGENTS,
            "/api/accounts",
            "/api/admin/accounts",
            "/api/user/org",
            "/a/../b",
        ] {
            let request = gate().get(path).account(ACCOUNT).bearer(token);
            request.clone().as_admin().send().unwrap();
            request.send().unwrap();
        }
        let twice = format!("{token},Bearer {token}");
        gate()
            .get(AGENTS)
            .account(ACCOUNT)
            .bearer(twice)
            .send()
            .unwrap();
        gate()
            .get(AGENTS)
            .account(ACCOUNT)
            .basic("user", token)
            .send()
            .unwrap();
        // At the upstream, as an assertion and as the gate's credential.
        let header = tollgate_policy::assertion::HEADER;
        upstream().get(AGENTS).header(header, token).send().unwrap();
        internal("GET", "/internal/directory")
            .bearer(token)
            .send()
            .unwrap();
    }
}

/// Long-lived keys: one that works, until it does not; one that is mistyped; one that nobody has made.
fn api_keys(secrets: &mut Secrets, user: &str) {
    let made = created(
        gate()
            .post("/api/v1/api-keys")
            .account(ACCOUNT)
            .bearer(user)
            .json(&json!({"name": "CI", "expiry": "30d"}))
            .send(),
    );
    let key = made["key"].as_str().unwrap();
    let unknown = tollgate_policy::api_key::ApiKey::write("sk_live_", ACCOUNT, &[9; 24]);
    secrets.key("an API key", key);
    secrets.key("an API key that nobody has made", &unknown);
    let ask = |key: &str| gate().get(AGENTS).bearer(key).send().unwrap().status;
    assert_eq!(ask(key), 200);
    assert_eq!(ask(&unknown), 401);
    assert_eq!(ask(&key.replace("secrets-one", "secrets-two")), 401);
    gate()
        .get("/api/admin/accounts")
        .bearer(key)
        .as_admin()
        .send()
        .unwrap();
    let form = format!("token={key}&token={key}");
    let token = gate().introspection_token();
    internal("POST", "/internal/introspect")
        .bearer(token)
        .form(&form)
        .send()
        .unwrap();
    let wrong = format!("{}x", gate().secrets().introspection_token);
    internal("POST", "/internal/introspect")
        .bearer(wrong)
        .form(&form)
        .send()
        .unwrap();
    // A body that is no JSON, and one that is of another form: an error must not repeat it.
    for body in [
        key.to_owned(),
        format!("{{\"name\": [\"{key}\"]}}"),
        format!("{{\"{key}\": 1}}"),
    ] {
        let request = gate()
            .post("/api/v1/api-keys")
            .account(ACCOUNT)
            .bearer(user);
        let answer = request
            .header("content-type", "application/json")
            .body(body)
            .send();
        assert!((400..500).contains(&answer.unwrap().status));
    }
}

/// A widget's visitor, whose token the upstream signs.
fn widget(secrets: &mut Secrets, user: &str) {
    let made = created(
        gate()
            .post("/api/v1/widget-keys")
            .account(ACCOUNT)
            .bearer(user)
            .json(&json!({"name": "Shop", "domain_allowlist": ["acme.com"]}))
            .send(),
    );
    let ask = |what: &str, body: &Value| {
        let request = gate().post(format!("/api/v1/widget/auth/{what}"));
        request.header("origin", PAGE).json(body).send().unwrap()
    };
    let granted = ask("guest", &json!({"client_key": made["key"]}));
    assert_eq!(granted.status, 200, "{}", granted.text());
    let granted = granted.json();
    let (token, refresh) = (&granted["token"], &granted["refresh_token"]);
    let token = token.as_str().unwrap();
    secrets.token("a widget's token", token);
    secrets.token("a refresh token", refresh.as_str().unwrap());
    gate()
        .get(AGENTS)
        .account(ACCOUNT)
        .bearer(token)
        .send()
        .unwrap();
    for body in [
        json!({"refresh_token": refresh}),
        json!({"refresh_token": token}),
        json!({"refresh_token": [refresh]}),
    ] {
        ask("refresh", &body);
    }
}

fn created(answer: std::io::Result<Response>) -> Value {
    let answer = answer.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

#[test]
fn no_secret_is_told() {
    let admin = Origin::parse(gate().envoy().admin_url()).unwrap();
    assert_eq!(
        admin.post("/logging?level=info").send().unwrap().status,
        200
    );
    Direct::new(ACCOUNT);
    let mut secrets = Secrets::default();
    let known = gate().secrets();
    secrets.add("the assertion key", &known.assertion_key);
    secrets.add("the gate's credential", &known.introspection_token);
    secrets.add("the pepper", &known.key_pepper);
    secrets.add("the widget's secret", &known.widget_secret);
    let user = gate().issuer().member(ACCOUNT);
    secrets.token("a user's token", &user);
    tokens(&mut secrets);
    api_keys(&mut secrets, &user);
    widget(&mut secrets, &user);

    gate().get(format!("{AGENTS}?the-last-one")).send().unwrap();
    let is_last = |entry: &Value| {
        entry["path"]
            .as_str()
            .is_some_and(|path| path.ends_with("the-last-one"))
    };
    gate().envoy().access(is_last).unwrap();
    let (upstream, _) = gate().service().unwrap();
    let told = |path: &str| admin.get(path).send().unwrap().text();
    for (place, text, has) in [
        ("Envoy's log", gate().envoy().log(), "wasm log tollgate"),
        ("the access log", gate().envoy().access_log(), ACCOUNT),
        ("/stats", told("/stats"), "tollgate.requests.refused"),
        (
            "/stats/prometheus",
            told("/stats/prometheus"),
            "tollgate_requests",
        ),
        (
            "/config_dump",
            told("/config_dump?include_eds"),
            "TOLLGATE_ASSERTION_KEY",
        ),
        ("/clusters", told("/clusters"), "accounts"),
        ("/server_info", told("/server_info"), "command_line_options"),
        ("the upstream's log", upstream.log(), "an API key was made"),
    ] {
        assert!(
            text.contains(has),
            "{place} is not what it was: {text:.2000}"
        );
        secrets.are_not_in(place, &text);
    }
}
