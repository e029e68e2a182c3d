//! Chromium on pages of other origins, with the real Envoy behind their scripts.

use std::env;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::{Value, json};
use tollgate_envoy::browser::Pages;
use tollgate_envoy::progress::Progress;
use tollgate_envoy::tools::Tools;

use crate::world::{AGENTS, gate, tool};

/// None where there is no browser, which only a continuous integration may not be without.
pub static CHROMIUM: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let found = Tools::new(Progress::new()).chromium();
    if env::var_os("CI").is_some() {
        return Some(found.unwrap());
    }
    found
        .inspect_err(|error| eprintln!("skipped: {error}"))
        .ok()
});

/// `fetch` with what a script can see of the answer: its status and its code, or that it may not look.
const ASK: &str = "
    const ask = async (path, options) => {
        try {
            const answer = await fetch(GATE + path, options);
            const body = await answer.text();
            let code = null;
            try { code = JSON.parse(body).code ?? null } catch {}
            return {status: answer.status, code, retry_after: answer.headers.get('retry-after')};
        } catch (error) { return {blocked: String(error)} }
    };";

/// What a page of `host` came to with a script that can `ask`; none without a browser.
fn page(pages: &Pages, host: &str, script: &str) -> Option<Value> {
    let chromium = CHROMIUM.as_ref()?;
    let script = format!(
        "const GATE = 'http://{}'; {ASK} {script}",
        gate().gate().address()
    );
    Some(pages.run(&tool(), chromium, host, &script).unwrap())
}

#[test]
fn a_pages_script_calls_the_api_and_reads_its_refusals() {
    let pages = Pages::start().unwrap();
    let member = gate().issuer().member("acme");
    let script = format!(
        "const authorization = 'Bearer {member}';
         return [
             await ask('{AGENTS}', {{headers: {{authorization, 'x-account-id': 'acme'}}}}),
             await ask('{AGENTS}', {{headers: {{authorization, 'x-account-id': 'globex'}}}}),
             await ask('{AGENTS}', {{headers: {{'x-account-id': 'acme'}}}}),
             await ask('{AGENTS}'),
             await ask('{AGENTS}', {{headers: {{'x-not-allowed': '1'}}}}),
         ];"
    );
    let Some(told) = page(&pages, "shop.test", &script) else {
        return;
    };
    let answer =
        |status: u16, code: Value| json!({"status": status, "code": code, "retry_after": null});
    assert_eq!(told[0], answer(200, Value::Null), "{told}");
    assert_eq!(told[1], answer(403, json!("account_forbidden")), "{told}");
    assert_eq!(told[2], answer(401, json!("token_missing")), "{told}");
    assert_eq!(told[3], answer(400, json!("account_missing")), "{told}");
    assert!(told[4]["blocked"].is_string(), "{told}");
}

/// The browser, and pages of a shop whose widget's key allows them and no others.
struct Shop {
    pages: Pages,
    agent: String,
    key: String,
}

impl Shop {
    fn new() -> Self {
        let pages = Pages::start().unwrap();
        let made = |path: &str, new: Value| {
            let member = gate().issuer().member("acme");
            let request = gate().post(path).account("acme").bearer(member).json(&new);
            let answer = request.send().unwrap();
            assert_eq!(answer.status, 201, "{}", answer.text());
            answer.json()
        };
        let agent = made(AGENTS, json!({"name": "Ada"}));
        let new = json!({"name": "Shop", "domain_allowlist": [pages.origin("shop.test")]});
        let key = made("/api/v1/widget-keys", new);
        let text = |of: &Value, field: &str| of[field].as_str().unwrap().to_owned();
        Self {
            agent: text(&agent, "id"),
            key: text(&key, "key"),
            pages,
        }
    }

    /// What a page of `host` came to with a script that can also `post` to the widget's endpoints, and `visit` the
    /// agent, the list of agents and another account's agent with a token.
    fn page(&self, host: &str, script: &str) -> Option<Value> {
        let Self { agent, key, .. } = self;
        let script = format!(
            "const key = '{key}', agent = '{agent}';
             const post = async (what, body) => {{
                 const answer = await fetch(GATE + '/api/v1/widget/auth/' + what, {{
                     method: 'POST', headers: {{'content-type': 'application/json'}}, body: JSON.stringify(body),
                 }});
                 return {{status: answer.status, ...await answer.json()}};
             }};
             const visit = async token => {{
                 const as = account => ({{headers: {{authorization: 'Bearer ' + token, 'x-account-id': account}}}});
                 return [
                     await ask('{AGENTS}/' + agent, as('acme')),
                     await ask('{AGENTS}', as('acme')),
                     await ask('{AGENTS}/' + agent, as('globex')),
                 ].map(({{status, code}}) => status + ' ' + (code ?? ''));
             }};
             {script}"
        );
        page(&self.pages, host, &script)
    }
}

const VISITED: [&str; 3] = [
    "200 ",
    "403 credential_not_allowed",
    "403 account_forbidden",
];

#[test]
fn a_guest_of_an_allowed_page_gets_a_token_and_calls_the_api() {
    let shop = Shop::new();
    let Some(told) = shop.page(
        "shop.test",
        "const guest = await post('guest', {client_key: key, agent_id: agent});
         const again = await post('refresh', {refresh_token: guest.refresh_token});
         return {first: await visit(guest.token), renewed: await visit(again.token),
                 with_the_other: await visit(guest.refresh_token)};",
    ) else {
        return;
    };
    assert_eq!(told["first"], json!(VISITED), "{told}");
    assert_eq!(told["renewed"], json!(VISITED), "{told}");
    let refused = json!([
        "401 token_audience",
        "401 token_audience",
        "401 token_audience"
    ]);
    assert_eq!(told["with_the_other"], refused, "{told}");
}

#[test]
fn a_page_of_another_origin_is_refused_and_may_read_why() {
    let shop = Shop::new();
    let script = "return await post('guest', {client_key: key});";
    for host in ["evil.test", "shop.test.evil.test", "localhost"] {
        let Some(told) = shop.page(host, script) else {
            return;
        };
        assert_eq!(told["status"], 403, "{host}: {told}");
        assert_eq!(told["code"], "origin_not_allowed", "{host}: {told}");
    }
}

/// A frame without an origin of its own, as a page can make one to hide who it is: its `Origin` is `null`.
#[test]
fn a_sandboxed_frame_of_an_allowed_page_may_read_nothing() {
    let shop = Shop::new();
    let script = "
        const inside = `fetch('${GATE}/api/v1/widget/auth/guest', {method: 'POST',
            headers: {'content-type': 'text/plain'}, body: JSON.stringify({client_key: '${key}'})})
            .then(answer => answer.text(), error => 'blocked')
            .then(told => parent.postMessage(told, '*'))`;
        const frame = document.createElement('iframe');
        frame.sandbox = 'allow-scripts';
        frame.srcdoc = '<script>' + inside + '</' + 'script>';
        const told = new Promise(done => onmessage = event => done(event.data));
        document.documentElement.append(frame);
        return await told;";
    let Some(told) = shop.page("shop.test", script) else {
        return;
    };
    assert_eq!(told, "blocked");
}

#[test]
fn a_user_of_the_shop_is_exchanged_for_a_visitor() {
    let shop = Shop::new();
    let member = gate().issuer().member("acme");
    let made = gate()
        .post("/api/v1/api-keys")
        .account("acme")
        .bearer(member);
    let made = made
        .json(&json!({"name": "Shop", "expiry": "30d"}))
        .send()
        .unwrap();
    let key = made.json()["key"].as_str().unwrap().to_owned();
    // The shop's own server, which is no browser.
    let user = json!({"external_user_id": "customer 7"});
    let user = gate()
        .post("/api/v1/widget/auth/user-token")
        .bearer(&key)
        .json(&user);
    let user = user.send().unwrap();
    assert_eq!(user.status, 200, "{}", user.text());
    let user_token = user.json()["user_token"].as_str().unwrap().to_owned();

    let script = format!(
        "const user = await post('exchange', {{client_key: key, user_token: '{user_token}', agent_id: agent}});
         return {{user, visited: await visit(user.token)}};"
    );
    let Some(told) = shop.page("shop.test", &script) else {
        return;
    };
    assert_eq!(told["visited"], json!(VISITED), "{told}");
    // What leaked from the shop's page is worth nothing on another.
    let told = shop.page("evil.test", &script).unwrap();
    assert_eq!(told["user"]["code"], "origin_not_allowed", "{told}");
}
