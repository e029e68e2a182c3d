//! The upstream's OpenAPI document against what it answers, with real databases: every operation succeeds once, and
//! answers what is described.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Value, json};
use tollgate_envoy::client::{Request, Response};
use tollgate_policy::assertion::CredentialKind;

use crate::direct::{Direct, internal, upstream};
use crate::world::gate;

const PAGE: &str = "https://acme.com";

/// The document that the upstream serves, and which operations have succeeded.
struct Described {
    document: Value,
    succeeded: RefCell<BTreeSet<String>>,
}

impl Described {
    fn new() -> Self {
        let answer = upstream().get("/openapi.json").send().unwrap();
        let described = Self {
            document: answer.json(),
            succeeded: RefCell::default(),
        };
        described.assert_is("read_openapi", 200, &answer);
        described
    }

    /// Sends what is an `operation`, and looks at the answer.
    fn send(&self, operation: &str, status: u16, request: Request) -> Value {
        let answer = request.send().unwrap();
        self.assert_is(operation, status, &answer);
        answer.json()
    }

    fn assert_is(&self, name: &str, status: u16, answer: &Response) {
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        let response = &self.operation(name)["responses"][status.to_string()];
        let response = self.resolved(response);
        assert!(response.is_object(), "{name}: {status} is not described");
        for (header, _) in response["headers"].as_object().into_iter().flatten() {
            assert!(answer.header(header).is_some(), "{name}: no {header}");
        }
        if status < 400 {
            self.succeeded.borrow_mut().insert(name.to_owned());
        }
        let Some(content) = response["content"].as_object() else {
            assert_eq!(answer.text(), "", "{name}");
            return;
        };
        let schema = &content[answer.header("content-type").unwrap()]["schema"];
        let schema = json!({"allOf": [schema], "components": self.document["components"]});
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let answer = answer.json();
        let valid = validator.validate(&answer).map_err(|it| it.to_string());
        assert_eq!(valid, Ok(()), "{name}: {answer}");
    }

    fn operations(&self) -> impl Iterator<Item = &Value> {
        let items = self.document["paths"].as_object().unwrap().values();
        let members = items.flat_map(|item| item.as_object().unwrap().values());
        members.filter(|member| member["operationId"].is_string())
    }

    fn operation(&self, name: &str) -> &Value {
        let mut operations = self.operations();
        let found = operations.find(|it| it["operationId"] == name);
        assert!(found.is_some(), "{name} is not described");
        found.unwrap()
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.document.pointer(&reference[1..]).unwrap(),
            None => value,
        }
    }

    fn assert_all_succeeded(&self) {
        let all = self.operations();
        let all: BTreeSet<_> = all.map(|it| text(it, "operationId").to_owned()).collect();
        assert_eq!(*self.succeeded.borrow(), all);
    }
}

fn text<'a>(json: &'a Value, field: &str) -> &'a str {
    json[field].as_str().unwrap()
}

fn put(account: Direct, operation: (&str, &str), body: &Value) -> Request {
    let (method, path) = operation;
    account.request(method, path).json(body)
}

#[test]
fn answers_are_as_described() {
    let api = Described::new();
    let account = Direct::new("described");
    for_everybody(&api);
    let agent = agents(&api, account);
    let server = keys(&api, account);
    widgets(&api, account, &agent, &server);
    calls(&api, account, &agent);
    administration(&api, account);
    of_the_gate(&api, &server);
    last(&api, account, &agent, &server);
    api.assert_all_succeeded();
}

fn for_everybody(api: &Described) {
    api.send("read_health", 200, upstream().get("/healthz"));
    api.send("list_public_accounts", 200, upstream().get("/api/accounts"));
    let validate = "/api/accounts/validate";
    api.send(
        "validate_account",
        200,
        upstream().get(format!("{validate}/described")),
    );
    api.send(
        "validate_account",
        400,
        upstream().get(format!("{validate}/No")),
    );
    api.send("log_in", 200, upstream().post("/api/login"));
    let org = upstream().get("/api/user/org");
    let token = gate().issuer().member("acme");
    api.send("read_user_org", 200, org.bearer(token));
    api.send("read_user_org", 401, upstream().get("/api/user/org"));
}

fn agents(api: &Described, account: Direct) -> String {
    let path = "/api/v1/agents";
    let new = json!({"name": "Ada"});
    let agent = api.send("create_agent", 201, put(account, ("POST", path), &new));
    api.send(
        "create_agent",
        400,
        put(account, ("POST", path), &json!({})),
    );
    api.send("create_agent", 401, upstream().post(path).json(&new));
    api.send("list_agents", 200, account.request("GET", path));
    let one = format!("{path}/{}", text(&agent, "id"));
    let visitor = account.with(CredentialKind::RestrictedJwt, "GET", &one);
    api.send("read_agent", 200, visitor);
    api.send(
        "read_agent",
        404,
        account.request("GET", &format!("{path}/none")),
    );
    let change = json!({"status": "active"});
    api.send("update_agent", 200, put(account, ("PATCH", &one), &change));
    let settings = format!("{one}/widget-settings");
    api.send(
        "read_widget_settings",
        200,
        account.request("GET", &settings),
    );
    let change = json!({"auth_mode": "both"});
    api.send(
        "update_widget_settings",
        200,
        put(account, ("PATCH", &settings), &change),
    );
    text(&agent, "id").to_owned()
}

fn keys(api: &Described, account: Direct) -> Value {
    let path = "/api/v1/api-keys";
    let new = json!({"name": "Server", "expiry": "1y"});
    let key = api.send("create_api_key", 201, put(account, ("POST", path), &new));
    let by_key = account.with(CredentialKind::ApiKey, "POST", path);
    api.send("create_api_key", 403, by_key.json(&new));
    api.send("list_api_keys", 200, account.request("GET", path));
    let one = format!("{path}/{}", text(&key, "id"));
    let change = json!({"name": "Shop"});
    api.send(
        "update_api_key",
        200,
        put(account, ("PATCH", &one), &change),
    );
    key
}

fn widgets(api: &Described, account: Direct, agent: &str, server: &Value) {
    let path = "/api/v1/widget-keys";
    let new = json!({"name": "Shop", "domain_allowlist": ["acme.com"]});
    let key = api.send("create_widget_key", 201, put(account, ("POST", path), &new));
    api.send("list_widget_keys", 200, account.request("GET", path));
    let one = format!("{path}/{}", text(&key, "id"));
    let change = json!({"agent_id": agent});
    api.send(
        "update_widget_key",
        200,
        put(account, ("PATCH", &one), &change),
    );

    let auth = |what| upstream().post(format!("/api/v1/widget/auth/{what}"));
    let on_page = |what, body: &Value| auth(what).header("Origin", PAGE).json(body);
    let client_key = text(&key, "key");
    let guest = json!({"client_key": client_key});
    let grant = api.send("authenticate_guest", 200, on_page("guest", &guest));
    api.send("authenticate_guest", 403, auth("guest").json(&guest));
    let renewal = json!({"refresh_token": grant["refresh_token"]});
    api.send("refresh_widget_token", 200, on_page("refresh", &renewal));
    let user = json!({"external_user_id": "4711"});
    let user = auth("user-token").bearer(text(server, "key")).json(&user);
    let user = api.send("create_user_token", 200, user);
    let exchange = json!({"client_key": client_key, "user_token": user["user_token"]});
    api.send("exchange_user_token", 200, on_page("exchange", &exchange));
    let config = format!("/api/v1/widget/config?client_key={client_key}");
    let config = upstream().get(config).header("Origin", PAGE);
    api.send("read_widget_config", 200, config);
    api.send("delete_widget_key", 204, account.request("DELETE", &one));
}

fn calls(api: &Described, account: Direct, agent: &str) {
    let path = "/api/v1/calls/originate";
    let new =
        json!({"from_number": "+14155550100", "to_number": "+14155550101", "agent_id": agent});
    let call = api.send("originate_call", 200, put(account, ("POST", path), &new));
    let end = format!("/api/v1/calls/{}/end", text(&call, "session_id"));
    api.send("end_call", 200, account.request("POST", &end));
    let limits = account.request("GET", "/api/v1/call-limits");
    api.send("read_call_limits", 200, limits);

    let none = json!({"concurrent_max": 0, "calls_per_minute": null, "daily_calls_max": null, "daily_minutes_max": null});
    let limits = account.administer("PUT", "/described/call-limits");
    api.send("set_account_call_limits", 200, limits.json(&none));
    api.send("originate_call", 429, put(account, ("POST", path), &new));
}

fn administration(api: &Described, account: Direct) {
    let as_admin = |method, path: &str| account.administer(method, &format!("/described{path}"));
    api.send(
        "read_account_call_limits",
        200,
        as_admin("GET", "/call-limits"),
    );
    let limits = json!({"concurrent": 10, "per_day": null});
    api.send(
        "set_cap",
        200,
        as_admin("PUT", "/caps/requests").json(&limits),
    );
    api.send("read_account", 200, as_admin("GET", ""));
    api.send("list_accounts", 200, account.administer("GET", "?limit=2"));
    api.send("list_accounts", 400, account.administer("GET", "?limit=0"));
    let active = json!({"status": "active"});
    api.send("update_account", 200, as_admin("PATCH", "").json(&active));
    api.send("delete_account", 400, as_admin("DELETE", ""));
    let new = json!({"name": "described-too"});
    api.send(
        "create_account",
        201,
        account.administer("POST", "").json(&new),
    );
    api.send(
        "create_account",
        409,
        account.administer("POST", "").json(&new),
    );
    let confirmed = account.administer("DELETE", "/described-too?confirm=described-too");
    api.send("delete_account", 204, confirmed);
}

fn of_the_gate(api: &Described, server: &Value) {
    let by_gate = |method, path| internal(method, path).bearer(gate().introspection_token());
    let directory = "/internal/directory";
    let answer = by_gate("GET", directory).send().unwrap();
    api.assert_is("read_directory", 200, &answer);
    assert!(answer.json()["accounts"]["described"]["caps"].is_object());
    let again = by_gate("GET", directory).header("If-None-Match", "*");
    api.send("read_directory", 304, again);
    api.send("read_directory", 401, internal("GET", directory));
    for (token, is_active) in [(text(server, "key"), true), ("sk_live_none", false)] {
        let form = format!("token={token}");
        let introspect = by_gate("POST", "/internal/introspect").form(&form);
        let answer = api.send("introspect", 200, introspect);
        assert_eq!(answer["active"], is_active);
    }
    api.send(
        "read_widget_jwks",
        200,
        internal("GET", "/internal/widget/jwks"),
    );
}

/// What ends things.
fn last(api: &Described, account: Direct, agent: &str, server: &Value) {
    let cap = account.administer("DELETE", "/described/caps/requests");
    api.send("delete_cap", 204, cap);
    let key = format!("/api/v1/api-keys/{}", text(server, "id"));
    api.send("delete_api_key", 204, account.request("DELETE", &key));
    api.send("delete_api_key", 404, account.request("DELETE", &key));
    let agent = format!("/api/v1/agents/{agent}");
    api.send("delete_agent", 204, account.request("DELETE", &agent));
}
