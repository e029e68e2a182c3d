//! Archives, log lines, carriers of the configuration, JSON; and what is wrong with any of them.

use serde_json::{Value, json};

use super::{Explained, SCENE, archive, asks, run, words};
use crate::world::echo;

fn schema() -> jsonschema::Validator {
    let text = include_str!("../../../explain.schema.json");
    jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
}

fn line(path: &str, status: u16, details: &str, decision: Value) -> String {
    json!({
        "time": "2026-11-23T12:00:00.000Z", "method": "GET", "path": path, "status": status,
        "details": details, "account": "acme", "subject": "user-1", "decision": decision,
        "cap": null,
    })
    .to_string()
}

fn log(lines: &[String]) -> Explained {
    run(&["--json", "--log", "-"], &[], &lines.join("\n"))
}

#[test]
fn one_entry_of_an_archive_at_its_own_time() {
    let scene = &*SCENE;
    let mut written = archive(&[
        words("GET", "/api/accounts", &[]),
        asks("acme", &scene.member()),
    ]);
    written["log"]["entries"][1]["startedDateTime"] = json!("2020-01-01T00:00:00.000Z");
    let file = scene.write("one.har", &written);
    let found = scene.explain(&["--json", "--har", &file, "--entry", "2"], &[]);
    let [found] = &found.json()[..] else {
        panic!("{}{}", found.out, found.errors);
    };
    assert_eq!(found["at"], "2020-01-01T00:00:00Z");
    assert_eq!(found["verdict"]["code"], "token_not_yet_valid", "{found:#}");
    assert_eq!(found["request"]["found_in"], format!("{file}, entry 2"));
    assert!(
        found["notes"].to_string().contains("answered with 200"),
        "{found:#}"
    );
}

#[test]
fn log_lines_are_explained_as_far_as_they_go() {
    let agents = "/api/v1/agents";
    let lines = [
        (
            line(
                agents,
                401,
                "tollgate:token_expired",
                json!("token_expired"),
            ),
            "refused",
            "token_expired",
            Some(5),
        ),
        (
            line(
                "/a//b",
                400,
                "tollgate:path_ambiguous",
                json!("path_ambiguous"),
            ),
            "refused",
            "path_ambiguous",
            Some(1),
        ),
        (
            line(agents, 200, "via_upstream", json!("reported:cap_exceeded")),
            "reported",
            "cap_exceeded",
            Some(7),
        ),
        (
            line(agents, 200, "via_upstream", json!("forwarded")),
            "forwarded",
            "",
            None,
        ),
        (
            line("/api/accounts", 200, "via_upstream", json!("public")),
            "forwarded",
            "",
            None,
        ),
        (
            line(agents, 503, "tollgate:not_ready", json!("not_ready")),
            "refused",
            "not_ready",
            None,
        ),
        (
            line(agents, 404, "route_not_found", json!(null)),
            "not_known",
            "",
            None,
        ),
    ];
    let texts: Vec<_> = lines.iter().map(|(line, ..)| line.clone()).collect();
    let explained = log(&texts);
    assert_eq!(explained.code, Some(2), "{}", explained.errors);
    let all = explained.json();
    assert_eq!(all.len(), lines.len());
    for (found, (line, result, code, step)) in all.iter().zip(&lines) {
        assert!(schema().is_valid(found), "{found:#}");
        let verdict = &found["verdict"];
        assert_eq!(verdict["result"], *result, "{line}");
        assert_eq!(verdict["by"], "log");
        assert_eq!(
            verdict["code"].as_str().unwrap_or_default(),
            *code,
            "{line}"
        );
        assert!(found["notes"].to_string().contains("no token"), "{found:#}");
        let steps = found["steps"].as_array().unwrap();
        let at = steps.iter().find(|step| step.get("code").is_some());
        assert_eq!(
            at.map(|step| step["number"].as_u64().unwrap()),
            *step,
            "{line}"
        );
    }
    assert_eq!(log(&texts[..1]).code, Some(1));
    assert_eq!(log(&texts[3..5]).code, Some(0));
}

#[test]
fn a_log_of_another_configuration_is_noticed() {
    for (line, expected) in [
        (
            line("/api/accounts", 401, "tollgate:token_expired", json!(null)),
            "has the endpoint public",
        ),
        (
            line("/api/v1/agents", 200, "via_upstream", json!("public")),
            "does not have the endpoint public",
        ),
        (
            line("/a//b", 200, "via_upstream", json!("forwarded")),
            "would refuse the path",
        ),
        (
            line("/a", 400, "tollgate:path_ambiguous", json!(null)),
            "takes the path for readable",
        ),
    ] {
        let notes = log(&[line]).json()[0]["notes"].to_string();
        assert!(notes.contains(expected), "{expected}: {notes}");
    }
}

#[test]
fn what_envoy_writes_is_read() {
    let refused = echo().get("/api/v1/agents?explain=1").send().unwrap();
    assert_eq!(refused.status, 400);
    let is_ours = |entry: &Value| entry["path"].to_string().contains("?explain=1");
    let entry = echo().envoy().access(is_ours).unwrap();
    let file = SCENE.write("access.log", &entry);
    let found = run(&["--json", "--log", &file], &[], "");
    assert_eq!(found.code, Some(1), "{}{}", found.out, found.errors);
    assert_eq!(found.json()[0]["verdict"]["code"], "account_missing");
}

#[test]
fn json_is_as_its_schema_says() {
    let scene = &*SCENE;
    let requests = [
        asks("acme", &scene.member()),
        asks("globex", &scene.member()),
        words("GET", "/api/accounts", &[]),
        asks("acme", &super::key()),
    ];
    let file = scene.write("schema.har", &archive(&requests));
    let found = scene.explain(&["--json", "--har", &file], &[]);
    let all = found.json();
    assert_eq!(all.len(), requests.len(), "{}", found.errors);
    for found in all {
        let errors: Vec<_> = schema()
            .iter_errors(&found)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}: {found:#}");
    }
    assert!(!schema().is_valid(&json!({"version": 1})));
}

#[test]
fn what_is_wrong_is_said_with_the_exit_code_2() {
    let scene = &*SCENE;
    let broken = scene.policy("broken.json", |policy| {
        policy["issuers"][0]["algorithms"] = json!(["HS256"]);
    });
    let not_keys = scene.file("inactive.json");
    let keys = scene.file("keys.json");
    let other = format!("{keys}=https://other.example");
    let no_gate = scene.write("service.json", &json!({"kind": "Service"}));
    let get = ["GET", "/api/accounts"];
    for (flags, request, expected) in [
        (
            &["--config", "/nowhere"][..],
            &get[..],
            "/nowhere: No such file",
        ),
        (
            &["--config", &broken],
            &get,
            "the configuration is refused: issuers[0].algorithms[0]",
        ),
        (
            &["--config", &not_keys],
            &get,
            "the configuration is refused: active: unknown field `active`",
        ),
        (
            &["--config", &no_gate],
            &get,
            "no configuration of the gate in it",
        ),
        (&["--key-set", &not_keys], &get, "no JWK set: not a JWK set"),
        (
            &["--key-set", &other],
            &get,
            "no issuer \"https://other.example\"; it has https://id.example.com",
        ),
        (
            &["--at", "noon"],
            &get,
            "\"noon\" is no time; write RFC 3339",
        ),
        (&["--spent", "requests=3"], &get, "write CAP.WINDOW=N"),
        (
            &["--spent", "request.per_day=3"],
            &get,
            "no cap \"request\"; there is requests, calls",
        ),
        (
            &["--spent", "requests.per_week=3"],
            &get,
            "a window is one of per_day",
        ),
        (&["--directory", &keys], &get, "no directory of accounts"),
        (&["--log", "/nowhere"], &[], "/nowhere: No such file"),
        (&["--har", &keys], &[], "not an HTTP Archive"),
        (&["--entry", "3"], &get, "--entry is one of --har's"),
        (&["--nonsense"], &get, "--nonsense"),
        (&[], &[], "write METHOD PATH"),
        (
            &[],
            &["GET", "/", "-H", "X-Account-ID acme"],
            "a header without a colon",
        ),
    ] {
        let request: Vec<_> = request.iter().map(|word| (*word).to_owned()).collect();
        let found = run(flags, &request, "");
        assert_eq!(
            found.code,
            Some(2),
            "{flags:?}: {}{}",
            found.out,
            found.errors
        );
        assert!(
            found.errors.contains(expected),
            "{expected}: {}",
            found.errors
        );
        assert_eq!(found.out, "", "{flags:?}");
    }
    for (text, expected) in [
        ("hello", "stdin:1: not JSON"),
        ("[]", "stdin:1: no JSON object"),
        ("{}", "stdin:1: no method"),
        ("\n", "stdin: there is no line in it"),
    ] {
        let found = run(&["--log", "-"], &[], text);
        assert_eq!(found.code, Some(2), "{}", found.out);
        assert!(found.errors.contains(expected), "{}", found.errors);
    }
}

#[test]
fn a_pipe_gets_no_colours() {
    let found = run(&[], &["GET".to_owned(), "/api/accounts".to_owned()], "");
    assert!(
        found.out.starts_with("GET /api/accounts\n"),
        "{}",
        found.out
    );
    assert!(!found.out.contains('\u{1b}'), "{:?}", found.out);
}
