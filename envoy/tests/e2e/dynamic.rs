//! `envoy/dynamic`: the listener and the clusters from files that Envoy watches, the files as they stand but for places.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use tollgate_envoy::client::{Origin, Request};
use tollgate_envoy::derive::dynamic;
use tollgate_envoy::issuer::AUDIENCE;
use tollgate_envoy::net::{free_port, loopback};
use tollgate_envoy::process::{Child, Job, Scratch};
use tollgate_envoy::progress::Progress;
use tollgate_envoy::tools::Tools;

use crate::world::{AGENTS, MODULE, gate, tool, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);

/// An Envoy with the three files, beside the shared gate and with its issuer and upstream.
struct Watching {
    _child: Child,
    folder: PathBuf,
    admin: Origin,
    edge: Origin,
}

impl Watching {
    fn start() -> Self {
        let scratch = Scratch::new().unwrap();
        let folder = scratch.path().to_owned();
        let port = free_port().unwrap();
        symlink(&*MODULE, folder.join("tollgate.wasm")).unwrap();
        for name in ["envoy.yaml", "lds.yaml", "cds.yaml"] {
            let text = fs::read_to_string(dynamic::folder().join(name)).unwrap();
            fs::write(
                folder.join(name),
                placed(&text, &folder.display().to_string(), port),
            )
            .unwrap();
        }
        let binary = Tools::new(Progress::new()).envoy().unwrap();
        let mut job = Job::new("Envoy", &binary)
            .args(["--config-path", "envoy.yaml"])
            .args(["--admin-address-path", "admin"])
            .args(["--concurrency", "2", "--disable-hot-restart"])
            .args(["--drain-time-s", "1"]);
        for (name, value) in gate().secrets().environment() {
            job = job.env(name, value);
        }
        let mut child = job.start(&tool(), scratch).unwrap();
        let admin = child
            .wait_for("it was ready", PATIENCE, |_| {
                let address = fs::read_to_string(folder.join("admin")).ok()?;
                let admin = Origin::parse(&format!("http://{}", address.trim())).ok()?;
                (admin.get("/ready").send().ok()?.status == 200).then_some(admin)
            })
            .unwrap();
        let edge = Origin::parse(&format!("http://{}", loopback(port))).unwrap();
        Self {
            _child: child,
            folder,
            admin,
            edge,
        }
    }

    /// Moves another text over a file.
    fn change(&self, name: &str, from: &str, to: &str) {
        let file = self.folder.join(name);
        let text = replaced(fs::read_to_string(&file).unwrap(), from, to);
        let new = self.folder.join(format!("{name}.new"));
        fs::write(&new, text).unwrap();
        fs::rename(new, file).unwrap();
    }

    fn count(&self, name: &str) -> u64 {
        let path = format!("/stats?format=json&filter=^{name}$");
        let stats = self.admin.get(path).send().unwrap().json();
        let value = stats.pointer("/stats/0/value");
        value.and_then(serde_json::Value::as_u64).unwrap_or(0)
    }

    fn good(&self) -> Request {
        let token = gate().issuer().member("acme");
        self.edge.get(AGENTS).account("acme").bearer(token)
    }
}

/// With the addresses, names and paths of this test; nothing else is another.
fn placed(text: &str, folder: &str, port: u16) -> String {
    let issuer = gate().issuer().url();
    let address = |url: &str| Origin::parse(url).unwrap().address();
    let (upstream, internal) = (
        address(&gate().upstream_url()),
        address(gate().internal_url().unwrap()),
    );
    let place = |host: &str, port: u16| format!("{{address: {host}, port_value: {port}}}");
    let mut text = text.replace("/etc/envoy", folder);
    for (from, to) in [
        (place("127.0.0.1", 9901), loopback(0)),
        (place("0.0.0.0", 8000), loopback(port)),
        (place("upstream.internal", 8080), upstream),
        (place("upstream.internal", 8081), internal),
        (place("id.example.com", 443), address(issuer)),
    ] {
        text = text.replace(&from, &place(&to.ip().to_string(), to.port()));
    }
    text = text.replace("https://id.example.com", issuer);
    text = text.replace("audiences: [api]", &format!("audiences: [{AUDIENCE:?}]"));
    // The development issuer has no TLS.
    match text.split_once("  transport_socket:") {
        Some((before, _)) => before.to_owned(),
        None => text,
    }
}

fn replaced(text: String, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

#[test]
fn a_file_that_is_moved_into_place_takes_effect_and_a_wrong_one_does_not() {
    let envoy = Watching::start();
    let outcome = |request: &Request| request.send().unwrap().outcome();
    wait_until("members pass", || outcome(&envoy.good()) == "200");
    let accounts = envoy.edge.get("/api/accounts");
    assert_eq!(outcome(&accounts), "200");
    assert_eq!(outcome(&envoy.edge.get(AGENTS)), "400 account_missing");

    // Another listener: a route is public no more.
    let public = r#"- {match: "GET /api/accounts", access: public}"#;
    envoy.change("lds.yaml", public, "");
    wait_until("the route is protected", || {
        outcome(&accounts) == "400 account_missing"
    });
    assert_eq!(outcome(&envoy.good()), "200");

    // A wrong one.
    let refused = envoy.count("listener_manager.lds.update_rejected");
    envoy.change(
        "lds.yaml",
        r#"mounts: ["", "/hub-api"]"#,
        "mounts: [hub-api]",
    );
    wait_until("the listener is refused", || {
        envoy.count("listener_manager.lds.update_rejected") > refused
    });
    assert_eq!(outcome(&envoy.good()), "200");
    assert_eq!(outcome(&accounts), "400 account_missing", "the one before");
    envoy.change(
        "lds.yaml",
        "mounts: [hub-api]",
        r#"mounts: ["", "/hub-api"]"#,
    );

    // Other clusters: what is behind is somewhere else, where nobody is.
    let upstream = Origin::parse(&gate().upstream_url()).unwrap().address();
    let port = |port: u16| format!("port_value: {port}");
    let nobody = free_port().unwrap();
    envoy.change("cds.yaml", &port(upstream.port()), &port(nobody));
    wait_until("nobody is behind", || {
        outcome(&envoy.good()).starts_with("503")
    });
    assert_eq!(outcome(&accounts), "400 account_missing", "the gate is");
    envoy.change("cds.yaml", &port(nobody), &port(upstream.port()));
    wait_until("members pass again", || outcome(&envoy.good()) == "200");
}
