//! Opaque tokens of any issuer, issuers for some routes only, and several configurations at once.

use super::*;

fn opaque(prefix: &str) -> Value {
    let mut configuration = configuration();
    let keys = &mut configuration["api_keys"];
    keys["prefix"] = json!(prefix);
    keys["membership"] = json!({"claim": ["urn:zitadel:iam:org:project:roles"], "shape": "keys"});
    keys["audiences"] = json!(["api"]);
    configuration
}

fn answer(audience: &str) -> Answer {
    let roles = json!({"acme": {"1": "acme.id.example.com"}});
    let answer = json!({
        "active": true, "sub": "user-7", "aud": [audience],
        "urn:zitadel:iam:org:project:roles": roles,
    });
    Answer::json(answer.to_string())
}

#[test]
fn opaque_tokens_are_asked_about_and_the_answer_names_the_accounts() {
    let mut worker = World::new().fetching(&opaque(""));
    let to = |account: &str| with("V1_o-p.aq~ue+/==").account(account);
    let streams = ["acme", "globex"].map(|account| worker.open(to(account)));
    worker.tick();
    assert_eq!(worker.callouts().len(), 1, "one question for both");
    let body = String::from_utf8(worker.callouts()[0].body.clone()).unwrap();
    assert_eq!(body, "token=V1_o-p.aq%7Eue%2B%2F%3D%3D");
    worker.answer_callout(answer("api"));
    assert!(worker.outcome(streams[0]).is_forwarded());
    assert_eq!(seen(&mut worker, streams[1]), "403 account_forbidden");
    assert_eq!(
        worker.request(with("V1_o-p.aq~ue+/==")).summary(),
        "400 account_missing"
    );

    let token = Token::good().signed();
    let request = Request::get("/x").account("acme").bearer(&token);
    assert_eq!(
        worker.request(request).summary(),
        "forwarded",
        "and JWTs are JWTs"
    );
}

#[test]
fn an_opaque_token_for_somebody_else_is_refused() {
    let mut worker = World::new().fetching(&opaque("V1_"));
    let stream = worker.open(with("V1_opaque").account("acme"));
    worker.tick();
    worker.answer_callout(answer("other"));
    assert_eq!(seen(&mut worker, stream), "401 token_audience");
    let other = worker.request(with("V2_opaque").account("acme"));
    assert_eq!(other.summary(), "401 token_malformed", "a JWT, or nothing");
}

#[test]
fn an_issuer_can_be_accepted_on_some_routes_only() {
    let mut configuration = configuration::inline();
    configuration["issuers"][0]["routes"] = json!(["GET /api/v1/widget/{name}"]);
    let mut worker = World::new().worker(&configuration);
    let token = Token::good().signed();
    for (path, expected) in [
        ("/api/v1/widget/config", "forwarded"),
        ("/hub-api/api/v1/widget/config", "forwarded"),
        ("/api/v1/widget/a/b", "403 credential_not_allowed"),
        ("/x", "403 credential_not_allowed"),
        ("/api/admin/x", "403 credential_not_allowed"),
    ] {
        let request = Request::get(path).account("acme").bearer(&token);
        assert_eq!(worker.request(request).summary(), expected, "{path}");
    }
}

#[test]
fn configurations_in_one_virtual_machine_do_not_mix() {
    let world = World::new();
    let mut worker = told(&world, active());
    worker.reload(&configuration());
    worker.tick();
    let stream = ask(&mut worker, &key("acme"));
    let old = worker.open_in_old(with(&key("acme")));
    assert!(
        worker.outcome(old).is_forwarded(),
        "it knows the key already"
    );
    worker.answer_callout(inactive());
    assert_eq!(seen(&mut worker, stream), "401 key_inactive");
    let old = worker.open_in_old(with(&key("acme")));
    assert!(worker.outcome(old).is_forwarded(), "until its time");
}

#[test]
fn a_configuration_can_end_while_it_asks() {
    let world = World::new();
    let mut worker = worker(&world);
    let stream = ask(&mut worker, &key("acme"));
    worker.reload(&configuration());
    worker.end(stream);
    worker.retire_old();
    let stream = ask(&mut worker, &key("acme"));
    worker.answer_callout(active());
    assert!(worker.outcome(stream).is_forwarded());
}

#[test]
fn a_question_outlives_the_reload_for_those_who_wait() {
    let world = World::new();
    let mut worker = worker(&world);
    let old = ask(&mut worker, &key("acme"));
    worker.reload(&configuration());
    worker.tick();
    let new = ask(&mut worker, &key("acme"));
    worker.answer_callout(active());
    assert!(worker.outcome(old).is_forwarded());
    assert_eq!(seen(&mut worker, new), "waiting");
    worker.answer_callout(inactive());
    assert_eq!(seen(&mut worker, new), "401 key_inactive");
}

#[test]
fn refusals_can_be_reported_only() {
    let mut configuration = configuration();
    configuration["mode"] = json!("report");
    let mut worker = World::new().fetching(&configuration);
    let stream = ask(&mut worker, &key("acme"));
    worker.answer_callout(inactive());
    let outcome = worker.outcome(stream);
    assert_eq!(
        outcome.state()["tollgate.decision"],
        "reported:key_inactive"
    );
    assert_eq!(outcome.forwarded().get("x-tollgate-assertion"), None);
    let stream = ask(&mut worker, &forged(1));
    worker.answer_callout(Answer::broken());
    let outcome = worker.outcome(stream);
    assert_eq!(
        outcome.state()["tollgate.decision"],
        "reported:introspection_unavailable"
    );
}
