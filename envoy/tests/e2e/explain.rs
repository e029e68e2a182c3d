//! `tollgate explain`: the filter's own answer, explained, for every code that there is.

mod codes;
mod forms;
mod passes;
mod secrets;
mod variety;

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_envoy::config::{Config, REFERENCE};
use tollgate_envoy::issuer::{Draft, Issuer};
use tollgate_policy::api_key::{ApiKey, ENTROPY};

use crate::world::tool;

/// The issuer's keys, and files of what servers answer.
struct Scene {
    issuer: Issuer,
    folder: TempDir,
}

/// What the command has printed.
struct Explained {
    code: Option<i32>,
    out: String,
    errors: String,
}

/// A request as words: method, path, and headers.
type Words = Vec<String>;

static SCENE: LazyLock<Scene> = LazyLock::new(Scene::new);

// === impl Scene ===

impl Scene {
    fn new() -> Self {
        let scene = Self {
            issuer: Issuer::start().unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        scene.write("keys.json", &scene.issuer.key_set());
        scene.write("active.json", &json!({"active": true, "sub": "key-7"}));
        scene.write("inactive.json", &json!({"active": false}));
        scene.write("nobody.json", &json!({"accounts": {}}));
        let suspended = json!({"accounts": {"acme": {"status": "suspended"}}});
        scene.write("suspended.json", &suspended);
        scene
    }

    fn write(&self, name: &str, value: &Value) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, value.to_string()).unwrap();
        path.display().to_string()
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The plugin's own configuration, changed.
    fn policy(&self, name: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut policy = Config::reference().unwrap().policy().unwrap().clone();
        change(&mut policy);
        self.write(name, &policy)
    }

    /// A token of the issuer in the reference configuration.
    fn token(&self, draft: Draft) -> String {
        let draft = draft
            .claim("iss", json!("https://id.example.com"))
            .claim("aud", json!(["api"]));
        self.issuer.mint(&draft)
    }

    fn member(&self) -> String {
        self.token(Draft::member("acme"))
    }

    /// Runs the command with `--key-set`.
    fn explain(&self, flags: &[&str], request: &[String]) -> Explained {
        let keys = self.file("keys.json");
        let flags: Vec<_> = ["--key-set", &keys].iter().chain(flags).copied().collect();
        run(&flags, request, "")
    }
}

// === impl Explained ===

impl Explained {
    /// What was printed with `--json`, an object a line.
    fn json(&self) -> Vec<Value> {
        let lines = self.out.lines().map(serde_json::from_str);
        let values: Result<Vec<_>, _> = lines.collect();
        assert!(values.is_ok(), "{}{}", self.out, self.errors);
        values.unwrap()
    }
}

fn run(flags: &[&str], request: &[String], input: &str) -> Explained {
    let mut command = Command::new(tool().path());
    command.arg("explain").args(flags);
    if !request.is_empty() {
        command.arg("--").args(request);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    Explained {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The flag for a configuration.
fn config(file: String) -> Vec<String> {
    vec!["--config".to_owned(), file]
}

/// A request with headers, given as `Name: value`.
fn words(method: &str, path: &str, headers: &[&str]) -> Words {
    let mut words = vec![method.to_owned(), path.to_owned()];
    for header in headers {
        words.extend(["-H".to_owned(), (*header).to_owned()]);
    }
    words
}

/// A request for agents of an account, with a token or a key.
fn asks(account: &str, credential: &str) -> Words {
    to("GET", "/api/v1/agents", account, credential)
}

fn to(method: &str, path: &str, account: &str, credential: &str) -> Words {
    let (account, bearer) = (
        format!("X-Account-ID: {account}"),
        format!("Authorization: Bearer {credential}"),
    );
    words(method, path, &[&account, &bearer])
}

/// A key of acme.
fn key() -> String {
    ApiKey::write("sk_live_", "acme", &[7; ENTROPY])
}

/// An archive of these requests.
fn archive(requests: &[Words]) -> Value {
    let entry = |words: &Words| {
        let headers = words[2..].chunks(2).map(|header| {
            let (name, value) = header[1].split_once(": ").unwrap();
            json!({"name": name, "value": value})
        });
        json!({
            "request": {
                "method": words[0],
                "url": format!("https://api.example.com{}", words[1]),
                "headers": headers.collect::<Vec<_>>(),
            },
            "response": {"status": 200},
        })
    };
    let entries: Vec<_> = requests.iter().map(entry).collect();
    json!({"log": {"version": "1.2", "entries": entries}})
}

#[test]
fn the_reference_is_what_is_explained_by_default() {
    let explained = run(&["--json"], &words("GET", "/api/accounts", &[]), "");
    let found = &explained.json()[0];
    assert_eq!(explained.code, Some(0), "{}", explained.errors);
    let file = found["configuration"].as_str().unwrap();
    assert_eq!(fs::read_to_string(file).unwrap(), REFERENCE);
}
