//! What the documents say can be done as it stands there: commands, and links.
//!
//! Configurations in them are tried by `configurations` (`envoy/src/trials/configurations/documents.rs`), the demo's page
//! by `demo`.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::world::{stack, tool};

/// Blocks of commands that are not run here, by their first line, and what does instead.
const ELSEWHERE: [(&str, &str); 1] = [(
    "cargo demo    # the real Envoy, a real PostgreSQL, an OIDC issuer; prints curl lines to paste, one a rule",
    "the `demo` tests, and this very run",
)];

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Every document, with its path from the root.
fn documents() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = folder.join(&name);
            let is_other = name.starts_with('.') || ["target", "corpus"].contains(&name.as_str());
            if entry.file_type().unwrap().is_dir() && !is_other {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(entry.path()).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    assert!(found.len() >= 10, "{found:?}");
    found
}

/// The fenced blocks of a document in this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            let indent = line.len() - line.trim_start().len();
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            let block: Vec<_> = block.map(|line| line.get(indent..).unwrap_or("")).collect();
            if info.split(' ').next() == Some(language) {
                found.push(block.join("\n"));
            }
        }
    }
    found
}

/// What stands between backticks in running text.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Programs of the machine that a command may run; no other, whatever a document comes to name.
const HARMLESS: [&str; 6] = ["sh", "curl", "openssl", "ls", "grep", "cat"];

/// Programs that the commands name.
fn programs(envoy: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let tollgate = tool();
    let tollgate = tollgate.path().display();
    let path = std::env::var("PATH").unwrap();
    let cargo = format!(
        "#!/bin/sh\nexport PATH='{path}'\nwhat=$1; shift\ncase $what in\n\
         tollgate) exec '{tollgate}' \"$@\";;\n\
         *) echo \"no test runs: cargo $what $*\" >&2; exit 1;;\nesac\n"
    );
    let envoy = format!("#!/bin/sh\nexec '{envoy}' \"$@\"\n");
    let kubectl = include_str!("documents/kubectl").to_owned();
    for (name, script) in [("cargo", cargo), ("envoy", envoy), ("kubectl", kubectl)] {
        let path = folder.path().join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }
    for name in HARMLESS {
        let places = std::env::var_os("PATH").unwrap();
        let mut found = std::env::split_paths(&places).map(|place| place.join(name));
        let found = found.find(|path| path.exists()).expect(name);
        symlink(found, folder.path().join(name)).unwrap();
    }
    folder
}

#[test]
fn every_block_of_commands_can_be_pasted() {
    let stack = stack().start().unwrap();
    let environment: Vec<_> = stack.environment().into_iter().collect();
    let envoy = environment
        .iter()
        .find(|(name, _)| *name == "TOLLGATE_ENVOY");
    let programs = programs(&envoy.unwrap().1);
    let mut run = 0;
    for (document, text) in documents() {
        for block in blocks(&text, "sh") {
            let first = block.lines().next().unwrap_or_default();
            if ELSEWHERE.iter().any(|(line, _)| *line == first) {
                continue;
            }
            let output = Command::new("/bin/sh")
                .args(["-ec", &block])
                .current_dir(root())
                .envs(environment.iter().map(|(name, value)| (name, value)))
                .env("PATH", programs.path())
                .env("no_proxy", "127.0.0.1")
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            let (document, status) = (document.display(), output.status);
            assert!(status.success(), "{document}: {block}\n{status}: {told}");
            run += 1;
        }
    }
    assert!(run > 0);
}

#[test]
fn every_command_in_the_text_has_the_options_that_it_is_given() {
    let mut commands = BTreeSet::new();
    for (document, text) in documents() {
        for quoted in quoted(&text) {
            let quoted = quoted.replace('\n', " ");
            for start in ["cargo tollgate", "cargo demo"] {
                if quoted.starts_with(start) {
                    commands.insert((quoted.clone(), document.clone()));
                }
            }
        }
    }
    assert!(commands.len() >= 20, "{commands:?}");
    for (command, document) in commands {
        let words: Vec<_> = command.split_whitespace().skip(1).collect();
        let words: Vec<_> = match words.as_slice() {
            ["tollgate", rest @ ..] => rest.to_vec(),
            all => all.to_vec(),
        };
        // What comes behind `--` is for somebody else, and what is in brackets or elided says what can stand there.
        let words = words.iter().take_while(|word| **word != "--");
        let words = words.filter(|word| !word.starts_with('[') && **word != "…");
        let output = Command::new(tool().path())
            .args(words)
            .arg("--help")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{}: `{command}`: {told}",
            document.display()
        );
    }
}

/// GitHub's name of a heading: in small letters, without punctuation, a dash for each space.
fn anchor(heading: &str) -> String {
    let kept = heading
        .trim()
        .chars()
        .filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_leads_somewhere() {
    let mut links = 0;
    for (document, text) in documents() {
        let folder = document.parent().unwrap();
        for part in text.split("](").skip(1) {
            let Some((link, _)) = part.split_once(')') else {
                continue;
            };
            if link.contains("://") || link.contains([' ', '\n', '`']) {
                continue;
            }
            links += 1;
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let file = match file {
                "" => root().join(&document),
                file => root().join(folder).join(file),
            };
            let from = document.display();
            assert!(file.exists(), "{from}: {link}");
            if place.is_empty() {
                continue;
            }
            let target = fs::read_to_string(&file).unwrap();
            let mut headings = target.lines().filter(|line| line.starts_with('#'));
            let is_there = headings.any(|line| anchor(line.trim_start_matches('#')) == place);
            assert!(is_there, "{from}: {link}: there is no such heading");
        }
    }
    assert!(links >= 30, "{links}");
}

#[test]
fn the_filter_in_the_readme_is_the_references() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let shown = blocks(&readme, "yaml");
    let shown = shown.iter().find(|block| block.starts_with("http_filters"));
    let shown: Value = serde_saphyr::from_str(shown.unwrap()).unwrap();
    let shown = &shown["http_filters"][0];
    let reference = fs::read_to_string(root().join("envoy/envoy.yaml")).unwrap();
    let mut reference: Value = serde_saphyr::from_str(&reference).unwrap();
    let manager =
        &mut reference["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
    let filters = manager["typed_config"]["http_filters"].as_array_mut();
    let mut filters = filters.unwrap().iter_mut();
    let filter = filters.find(|filter| filter["name"] == "tollgate").unwrap();
    filter["typed_config"]["config"]["configuration"]["value"] = Value::Null;
    assert_eq!(shown, filter);
}
