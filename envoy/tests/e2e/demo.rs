//! `tollgate demo`: what it prints is true, and what it leaves behind is nothing.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tollgate_envoy::client::Origin;
use tollgate_envoy::demo::{GROUPS, Page};
use tollgate_envoy::stack::Stack;

use crate::world::{stack, tool, wait_until};

/// Pastes lines of the page into a shell; what it prints.
fn paste(stack: &Stack, named: &HashMap<&str, String>, lines: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", lines])
        .envs(stack.environment())
        .envs(named)
        .env("no_proxy", "127.0.0.1")
        .output()
        .unwrap();
    text(&output.stdout)
}

#[test]
fn each_line_of_the_page_gives_the_answer_beside_it() {
    try_each_line(&stack().start().unwrap());
}

/// Sends a request of each kind.
pub fn try_each_line(stack: &Stack) {
    let page = Page::new(stack).to_string();
    let mut named = HashMap::new();
    for example in GROUPS.iter().flat_map(|group| group.examples) {
        let line = example.call.to_string();
        let rule = example.rule.replace('\'', "’");
        let lines = format!("# {rule}: {}\n{line}\n", example.answer);
        assert!(page.contains(&lines), "{lines}");

        let printed = paste(stack, &named, &line);
        if let Some((variable, _)) = example.call.names {
            let value = printed.trim();
            let is_one = value.len() >= 36 && !value.contains(['"', ' ', '\n']);
            assert!(is_one, "{lines}{printed}");
            named.insert(variable, value.to_owned());
            continue;
        }
        let (status, code) = example
            .answer
            .split_once(' ')
            .unwrap_or((example.answer, ""));
        assert!(
            printed.starts_with(&format!("HTTP/1.1 {status} ")),
            "{lines}{printed}"
        );
        assert!(printed.contains(code), "{lines}{printed}");
    }
}

#[test]
fn the_rest_of_the_page_works_as_pasted() {
    let stack = stack().start().unwrap();
    let page = Page::new(&stack).to_string();
    let (_, rest) = page.split_once("# The requests of an account").unwrap();
    let script = format!(
        "#{rest}\ncurl -i $TOLLGATE_URL/api/v1/agents -H 'X-Account-ID: acme' -H \"Authorization: Bearer $TOLLGATE_TOKEN\""
    );
    let printed = paste(&stack, &HashMap::new(), &script);
    for expected in [
        "200\n",
        "429\n",
        "\"type\":\"serviceaccount\"",
        "requests.forwarded: ",
        "HTTP/1.1 200 OK",
    ] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
}

/// A folder for temporary files that everybody may enter, since PostgreSQL may run as somebody else.
fn temporary() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    folder
}

fn demo(temporary: &TempDir, args: &[&str]) -> Command {
    let mut command = Command::new(tool().path());
    command
        .arg("demo")
        .args(args)
        .env("TMPDIR", temporary.path());
    command
}

fn is_empty(folder: &TempDir) -> bool {
    fs::read_dir(folder.path()).unwrap().next().is_none()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_command_runs_inside_and_its_status_counts() {
    let folder = temporary();
    let script = r"
        env | grep ^TOLLGATE_ | sort
        exit 7
    ";
    // As the cargo alias hands it on.
    let output: Output = demo(&folder, &["--", "--exec", script]).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    let variables: Vec<_> = stdout
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    for expected in [
        "TOLLGATE_URL",
        "TOLLGATE_ENVOY_ADMIN_URL",
        "TOLLGATE_ISSUER_URL",
        "TOLLGATE_UPSTREAM_URL",
        "TOLLGATE_TOKEN",
        "TOLLGATE_ADMIN_TOKEN",
        "TOLLGATE_OTHER_TOKEN",
        "TOLLGATE_DATABASE_URL",
        "TOLLGATE_WASM",
        "TOLLGATE_ENVOY",
    ] {
        assert!(
            variables.iter().any(|(name, _)| *name == expected),
            "{expected}: {stdout}"
        );
    }
    assert_eq!(
        variables.len(),
        stdout.lines().count(),
        "nothing else on stdout: {stdout}"
    );
    assert!(is_empty(&folder), "temporary files are left");
    for (name, value) in variables {
        if let Some(address) = value.strip_prefix("http://") {
            assert!(TcpStream::connect(address).is_err(), "{name} still answers");
        }
    }
}

/// A demo that runs a command which never ends, and the address of its gate.
fn running(temporary: &TempDir) -> (Child, String) {
    let script =
        r#"echo "$TOLLGATE_URL" > "$NOTE.partial"; mv "$NOTE.partial" "$NOTE"; exec sleep 1000"#;
    let note = tempfile::tempdir().unwrap();
    let file = note.path().join("note");
    let mut demo = demo(temporary, &["--exec", script]);
    let child = demo
        .env("NOTE", &file)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the command runs", || file.exists());
    let url = fs::read_to_string(&file).unwrap();
    let address = url.trim().strip_prefix("http://").unwrap().to_owned();
    TcpStream::connect(&address).unwrap();
    (child, address)
}

#[test]
fn a_signal_ends_everything() {
    let folder = temporary();
    let (mut child, address) = running(&folder);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(is_empty(&folder), "temporary files are left");
    assert!(
        TcpStream::connect(address).is_err(),
        "the gate still answers"
    );
}

#[test]
fn a_demo_that_is_killed_leaves_nothing() {
    let folder = temporary();
    let (mut child, address) = running(&folder);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the temporary files go", || is_empty(&folder));
    wait_until("the gate is gone", || TcpStream::connect(&address).is_err());
}

#[test]
fn a_port_in_use_is_one_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = demo(&temporary(), &["--port", &port]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let expected = format!(
        "error: port {port} is in use; stop what listens there, or choose another with --port\n"
    );
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn the_page_can_be_had_without_a_terminal() {
    let folder = temporary();
    let mut child = demo(&folder, &[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut page = String::new();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    while !page.contains("Ctrl-C in this terminal") {
        page.push_str(&lines.next().unwrap().unwrap());
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(is_empty(&folder), "temporary files are left");
}

#[test]
fn a_part_that_ends_ends_the_demo() {
    let folder = temporary();
    let mut child = demo(&folder, &[])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let admin = lines
        .map(Result::unwrap)
        .find_map(|line| {
            let url = line.strip_prefix("export TOLLGATE_ENVOY_ADMIN_URL='")?;
            Origin::parse(url.trim_end_matches('\'')).ok()
        })
        .unwrap();
    admin.post("/quitquitquit").send().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(errors.contains("error: Envoy ended"), "{errors}");
    assert!(is_empty(&folder), "temporary files are left");
}
