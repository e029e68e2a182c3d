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
static CHROMIUM: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
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
