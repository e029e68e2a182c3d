//! Nothing is left behind, however the parent ends.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use tollgate_envoy::process::{Child, Job, ProcessError, Scratch};

use crate::world::{tool, wait_until};

const PATIENCE: Duration = Duration::from_secs(20);

/// Names the file into which [`parent`] writes where its child lives.
const NOTE: &str = "TOLLGATE_TEST_NOTE";

/// A command that writes the numbers of two processes, of which neither ends by itself, nor when asked to.
const STUBBORN: &str = r#"
trap '' TERM
sh -c 'trap "" TERM; while true; do sleep 1; done' &
echo "pids $$ $!"
while true; do sleep 1; done
"#;

fn stubborn() -> (Child, Vec<String>) {
    let mut child = Job::new("the child", "sh")
        .args(["-c", STUBBORN])
        .start(&tool(), Scratch::new().unwrap())
        .unwrap();
    let pids = child.wait_for("it named its processes", PATIENCE, |log| {
        let (line, _) = log.split_once('\n')?;
        Some(
            line.strip_prefix("pids ")?
                .split(' ')
                .map(str::to_owned)
                .collect(),
        )
    });
    (child, pids.unwrap())
}

fn is_alive(pid: &str) -> bool {
    let output = Command::new("ps")
        .args(["-o", "stat=", "-p", pid])
        .output()
        .unwrap();
    let state = String::from_utf8(output.stdout).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

fn assert_all_gone(pids: &[String], folder: &Path) {
    wait_until("the processes end", || {
        !pids.iter().any(|pid| is_alive(pid))
    });
    wait_until("the folder goes", || !folder.exists());
}

#[test]
fn a_dropped_child_is_gone_with_its_own_children_and_its_folder() {
    let (child, pids) = stubborn();
    let folder = child.folder().to_owned();
    assert!(pids.iter().all(|pid| is_alive(pid)) && folder.exists());
    drop(child);
    assert_all_gone(&pids, &folder);
}

#[test]
fn a_killed_parent_leaves_nothing() {
    let note = Scratch::new().unwrap();
    let note = note.path().join("note");
    let mut parent = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "supervise::parent"])
        .env(NOTE, &note)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the parent starts a child", || note.exists());
    let lines = fs::read_to_string(&note).unwrap();
    let mut lines = lines.lines().map(str::to_owned);
    let folder = PathBuf::from(lines.next().unwrap());
    let pids: Vec<_> = lines.collect();
    assert!(pids.iter().all(|pid| is_alive(pid)) && folder.exists());

    parent.kill().unwrap();
    parent.wait().unwrap();
    assert_all_gone(&pids, &folder);
}

/// Not a test: the parent that [`a_killed_parent_leaves_nothing`] kills.
#[test]
#[ignore = "waits to be killed"]
fn parent() {
    let Some(note) = env::var_os(NOTE).map(PathBuf::from) else {
        return;
    };
    let (child, pids) = stubborn();
    let text = format!("{}\n{}", child.folder().display(), pids.join("\n"));
    fs::write(note.with_extension("partial"), text).unwrap();
    fs::rename(note.with_extension("partial"), note).unwrap();
    loop {
        thread::park();
    }
}

#[test]
fn a_supervisor_that_is_told_to_end_ends_the_command_first() {
    let scratch = Scratch::new().unwrap();
    let folder = scratch.path().join("own");
    fs::create_dir(&folder).unwrap();
    let mut supervisor = Command::new(tool().path())
        .args(["supervise", "--remove"])
        .arg(&folder)
        .args([
            "--",
            "sh",
            "-c",
            "echo $$ > own/pid; mv own/pid own/pid.whole; sleep 1000",
        ])
        .current_dir(scratch.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let file = folder.join("pid.whole");
    wait_until("the command starts", || file.exists());
    let pid = fs::read_to_string(file).unwrap().trim().to_owned();

    let number = rustix::process::Pid::from_child(&supervisor);
    rustix::process::kill_process(number, rustix::process::Signal::TERM).unwrap();
    supervisor.wait().unwrap();
    assert_all_gone(&[pid], &folder);
}

#[test]
fn a_child_that_ends_early_is_noticed_at_once_with_its_last_words() {
    let mut child = Job::new("the child", "sh")
        .args(["-c", "echo no room here; exit 3"])
        .start(&tool(), Scratch::new().unwrap())
        .unwrap();
    let start = Instant::now();
    let error = child
        .wait_for("it was ready", PATIENCE, |_| None::<()>)
        .unwrap_err();
    assert!(start.elapsed() < PATIENCE / 2);
    assert!(matches!(error, ProcessError::Ended { .. }));
    let text = error.to_string();
    assert!(
        text.contains("exit status: 3") && text.contains("no room here"),
        "{text}"
    );
}

#[test]
fn a_child_that_is_late_is_named_with_what_it_said() {
    let mut child = Job::new("the child", "sh")
        .args(["-c", "echo still thinking; sleep 1000"])
        .start(&tool(), Scratch::new().unwrap())
        .unwrap();
    child
        .wait_for("it spoke", PATIENCE, |log| {
            log.contains("thinking").then_some(())
        })
        .unwrap();
    let error = child
        .wait_for("it was ready", Duration::ZERO, |_| None::<()>)
        .unwrap_err();
    assert!(matches!(error, ProcessError::Late { .. }));
    assert!(error.to_string().contains("still thinking"), "{error}");
}

#[test]
fn a_program_that_is_not_there_is_said_so() {
    let mut child = Job::new("the child", "/nowhere/program")
        .start(&tool(), Scratch::new().unwrap())
        .unwrap();
    let error = child
        .wait_for("it was ready", PATIENCE, |_| None::<()>)
        .unwrap_err();
    assert!(
        error.to_string().contains("/nowhere/program: No such file"),
        "{error}"
    );
}
