//! API keys at the upstream: made, told of, ended; in a real database.

use std::thread;

use serde_json::{Value, json};
use tollgate_envoy::client::{Origin, Response};
use tollgate_policy::api_key::ApiKey;

use crate::calls::at_once;
use crate::database::{Database, SYSTEM};
use crate::direct::{Direct, another_upstream, internal};
use crate::world::{gate, wait_until};

const KEYS: &str = "/api/v1/api-keys";

/// A new key: its answer.
fn mint(account: Direct, expiry: &str) -> Value {
    let answer = account.send("POST", KEYS, &json!({"name": " CI ", "expiry": expiry}));
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

fn change(account: Direct, key: &Value, change: &Value) -> Response {
    account.send("PATCH", &path(key), change)
}

fn path(key: &Value) -> String {
    format!("{KEYS}/{}", text(key, "id"))
}

fn text<'a>(json: &'a Value, field: &str) -> &'a str {
    json[field].as_str().unwrap()
}

fn introspect(key: &str) -> Value {
    let answer = internal("POST", "/internal/introspect")
        .bearer(gate().introspection_token())
        .form(&format!("token={key}"))
        .send()
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn is_active(key: &Value) -> bool {
    let answer = introspect(text(key, "key"));
    if answer["active"] == false {
        assert_eq!(answer, json!({"active": false}), "and nothing else");
    }
    answer["active"].as_bool().unwrap()
}

fn seconds(time: &Value) -> i64 {
    let sql = format!(
        "select floor(extract(epoch from '{}'::timestamptz))",
        time.as_str().unwrap()
    );
    i64::try_from(Database::open(gate(), SYSTEM).number(&sql)).unwrap()
}

#[test]
fn a_key_is_shown_once_and_says_whose_it_is() {
    let account = Direct::new("keys-one");
    let minted = mint(account, "30d");
    let key = text(&minted, "key");
    let read = ApiKey::read("sk_live_", key.as_bytes()).unwrap().unwrap();
    assert_eq!(read.account(), b"keys-one");
    assert_eq!(text(&minted, "last8"), &key[key.len() - 8..]);
    assert_eq!(text(&minted, "name"), "CI");
    assert_eq!(text(&minted, "created_by"), "user-1");

    let (from, until) = (
        seconds(&minted["created_at"]),
        seconds(&minted["expires_at"]),
    );
    assert_eq!(until - from, 30 * 86_400);
    let expected = json!({
        "active": true,
        "sub": minted["id"],
        "account": "keys-one",
        "iat": from,
        "exp": until,
    });
    assert_eq!(introspect(key), expected);

    let mut listed = minted.clone();
    listed.as_object_mut().unwrap().remove("key");
    listed["last_used_at"] = Value::Null;
    let list = account.request("GET", KEYS).send().unwrap();
    let mut list_now = list.json();
    list_now[0]["last_used_at"] = Value::Null;
    assert_eq!(list_now, json!([listed]));

    let rows = Database::open(gate(), SYSTEM).rows("select api_keys::text from api_keys");
    let random = &key[key.len() - 39..key.len() - 8];
    assert!(!rows.is_empty());
    assert!(rows.iter().all(|row| !row[0].contains(random)));
}

#[test]
fn a_key_without_an_end_has_none() {
    let minted = mint(Direct::new("keys-never"), "never");
    assert_eq!(minted["expires_at"], Value::Null);
    let answer = introspect(text(&minted, "key"));
    assert_eq!((&answer["active"], answer.get("exp")), (&json!(true), None));
}

#[test]
fn a_key_ends_when_it_is_disabled_or_deleted_or_expires() {
    let account = Direct::new("keys-end");
    let key = mint(account, "1y");
    assert!(is_active(&key));

    let renamed = change(account, &key, &json!({"name": "Cron"})).json();
    assert_eq!((text(&renamed, "name"), renamed.get("key")), ("Cron", None));
    assert!(is_active(&key), "a name is only a name");

    let disabled = change(account, &key, &json!({"disabled": true})).json();
    assert!(disabled["disabled_at"].is_string());
    assert!(!is_active(&key));
    let again = change(account, &key, &json!({"disabled": true})).json();
    assert_eq!(again["disabled_at"], disabled["disabled_at"], "since then");
    let enabled = change(account, &key, &json!({"disabled": false})).json();
    assert_eq!(enabled["disabled_at"], Value::Null);
    assert!(is_active(&key));

    let expired = format!(
        "update api_keys set created_at = now() - interval '2 s', expires_at = now() - interval '1 s' \
         where id = '{}'",
        text(&key, "id")
    );
    Database::open(gate(), SYSTEM).run(&expired);
    assert!(!is_active(&key));

    let key = mint(account, "1y");
    assert!(is_active(&key));
    let delete = || account.request("DELETE", &path(&key)).send().unwrap();
    assert_eq!(delete().status, 204);
    assert!(!is_active(&key));
    assert_eq!(delete().outcome(), "404 key_not_found");
}

#[test]
fn an_accounts_keys_end_with_it() {
    let account = Direct::new("keys-account");
    let key = mint(account, "never");
    account.set_status("suspended");
    assert!(!is_active(&key));
    let refused = account.request("GET", KEYS).send().unwrap();
    assert_eq!(refused.outcome(), "403 account_suspended");
    account.set_status("active");
    assert!(is_active(&key));

    let system = Database::open(gate(), SYSTEM);
    system.run("delete from accounts where name = 'keys-account'");
    assert!(!is_active(&key));
    let left = system.number("select count(*) from api_keys where account = 'keys-account'");
    assert_eq!(left, 0);
    let nobody = account.send("POST", KEYS, &json!({"name": "CI", "expiry": "1y"}));
    assert_eq!(nobody.outcome(), "400 account_unknown");
}

#[test]
fn one_accounts_keys_are_no_other_accounts() {
    let (account, other) = (Direct::new("keys-mine"), Direct::new("keys-yours"));
    let key = mint(account, "never");
    let id = text(&key, "id");
    for id in [id, "7a1c9c5e-6b4f-4a57-9a52-0e6f4a4c2f10", "1"] {
        let path = format!("{KEYS}/{id}");
        let changed = other.send("PATCH", &path, &json!({"disabled": true}));
        assert_eq!(changed.outcome(), "404 key_not_found");
        let deleted = other.request("DELETE", &path).send().unwrap();
        assert_eq!(deleted.outcome(), "404 key_not_found");
    }
    let list = other.request("GET", KEYS).send().unwrap();
    assert_eq!(list.json(), json!([]));
    assert!(is_active(&key));
}

#[test]
fn an_account_has_a_hundred_keys_however_many_are_asked_for_at_once() {
    let account = Direct::new("keys-many");
    let insert = "insert into api_keys (account, name, hash, last8, created_by) \
                  select 'keys-many', 'CI', sha256(n::text::bytea), '12345678', 'user-1' \
                  from generate_series";
    let system = Database::open(gate(), SYSTEM);
    system.run(&format!("{insert}(1, 94) as n"));
    // Somebody else is about to make one.
    system.run(&format!(
        "begin; select from accounts where name = 'keys-many' for no key update; {insert}(95, 95) as n"
    ));
    let request = account.request("POST", KEYS);
    let request = request.json(&json!({"name": "CI", "expiry": "1y"}));
    let answers = thread::scope(|scope| {
        let answers = scope.spawn(|| at_once(&request, 20));
        let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' \
                       and query like '%for no key update%'";
        let observer = Database::open(gate(), SYSTEM);
        wait_until("others wait for it", || observer.number(waiting) > 1);
        system.run("commit");
        answers.join().unwrap()
    });
    let count = |outcome: &str| {
        let same = answers.iter().filter(|answer| answer.outcome() == outcome);
        same.count()
    };
    assert_eq!((count("201"), count("409 keys_too_many")), (5, 15));
}

#[test]
fn the_last_use_is_noted_a_little_later() {
    let account = Direct::new("keys-used");
    let key = mint(account, "never");
    let used = || account.request("GET", KEYS).send().unwrap().json()[0]["last_used_at"].clone();
    assert_eq!(used(), Value::Null);
    assert!(is_active(&key));
    wait_until("the use is written", || used().is_string());
}

/// The last uses are written when the service stops, however short a time ago they were.
#[test]
fn a_service_that_stops_notes_the_last_uses() {
    let account = Direct::new("keys-stop");
    let key = mint(account, "never");
    let used = || account.request("GET", KEYS).send().unwrap().json()[0]["last_used_at"].clone();
    let another = another_upstream();
    let answer = Origin::parse(another.internal_url())
        .unwrap()
        .post("/internal/introspect")
        .bearer(gate().introspection_token())
        .form(&format!("token={}", text(&key, "key")))
        .send()
        .unwrap();
    assert_eq!(answer.json()["active"], true, "the pepper is the same");
    drop(another);
    assert!(used().is_string());
}

#[test]
fn a_key_is_its_whole_text() {
    let account = Direct::new("keys-forged");
    let key = mint(account, "never");
    let other = text(&key, "key").replace("keys-forged", "keys-other");
    assert_eq!(introspect(&other), json!({"active": false}));
    let forged = ApiKey::write("sk_live_", "keys-forged", &[7; 24]);
    assert_eq!(introspect(&forged), json!({"active": false}));
}

/// All look-ups of keys stand still, and take no more connections than one.
#[test]
fn forged_keys_keep_nobody_waiting() {
    let another = another_upstream();
    let forged = ApiKey::write("sk_live_", "acme", &[7; 24]);
    let look_up = Origin::parse(another.internal_url())
        .unwrap()
        .post("/internal/introspect")
        .bearer(gate().introspection_token())
        .form(&format!("token={forged}"));
    let (stalled, watch) = (
        Database::open(gate(), SYSTEM),
        Database::open(gate(), SYSTEM),
    );
    let waiting =
        "select count(*) from pg_locks where not granted and relation = 'api_keys'::regclass";
    stalled.run("begin; lock table api_keys in access exclusive mode");
    thread::scope(|scope| {
        let flood = scope.spawn(|| at_once(&look_up, 60));
        wait_until("a look-up waits", || watch.number(waiting) > 0);
        let accounts = Origin::parse(another.url()).unwrap().get("/api/accounts");
        let accounts = accounts.send().unwrap();
        stalled.run("rollback");
        assert_eq!(accounts.status, 200, "{}", accounts.text());
        for answer in flood.join().unwrap() {
            let outcome = answer.outcome();
            assert!(["200", "503 database_busy"].contains(&outcome.as_str()));
            assert!(!answer.text().contains("true"));
        }
    });
}
