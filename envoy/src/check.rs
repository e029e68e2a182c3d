//! `cargo tollgate check`: what is wrong with a configuration, before anybody runs it.

pub mod finding;
pub mod handover;
pub mod policy;
#[cfg(test)]
mod tests;
pub mod warnings;
pub mod without;

use std::fmt::Write as _;
use std::fs;
use std::io::{self, IsTerminal, Read};

use clap::Args;
use serde_json::{Value, json};

use self::finding::{Finding, Level, Shown};
use self::without::NO_FILTER;
use crate::carrier::document::{Node, Parsed};
use crate::carrier::gate::{Carrier, Gate};
use crate::carrier::{self, is_json};

/// Says what is wrong with configurations of the filter, and what is dangerous
///
/// A file is the filter's own configuration, in YAML or JSON; or an Envoy bootstrap, listeners as LDS has them, an Istio
/// WasmPlugin or EnvoyFilter, an Envoy Gateway EnvoyExtensionPolicy, or a ConfigMap with one of these. Ends with exit code 1 where there are errors.
#[derive(Debug, Args)]
pub struct Check {
    /// Files to read; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Make warnings a failure too
    #[arg(long)]
    deny_warnings: bool,
    /// Print JSON: a list of objects with file, line, column, level, warning, path, message
    #[arg(long)]
    json: bool,
}

/// What was found in the files.
#[derive(Debug)]
pub struct Report {
    /// Each with its file's name.
    files: Vec<(String, Vec<Finding>)>,
    deny_warnings: bool,
}

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{file} cannot be read: {source}")]
pub struct CheckError {
    file: String,
    source: io::Error,
}

// === impl Check ===

impl Check {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// One cannot be read.
    pub fn run(&self) -> Result<Report, CheckError> {
        let check = |file: &String| {
            let text = read(file).map_err(|source| CheckError {
                file: file.clone(),
                source,
            })?;
            let shown = if file == "-" { "<stdin>" } else { file };
            Ok((shown.to_owned(), look(&text, is_json(file))))
        };
        let looked: Vec<_> = self.files.iter().map(check).collect::<Result<_, _>>()?;
        let is_patched = looked.iter().any(|(_, looked)| looked.is_patched);
        let of_file = |(file, looked): (String, Looked)| {
            let mut findings = looked.findings;
            findings.extend(looked.unpatched.filter(|_| !is_patched));
            findings.sort_by_key(|finding| finding.mark);
            (file, findings)
        };
        let mut files: Vec<_> = looked.into_iter().map(of_file).collect();
        let none = |findings: &Vec<Finding>| findings.iter().any(|one| one.message == NO_FILTER);
        // Beside a file that has one, the others may be what goes with it.
        if files.iter().any(|(_, findings)| !none(findings)) {
            let findings = files.iter_mut().flat_map(|(_, findings)| findings);
            for finding in findings.filter(|finding| finding.message == NO_FILTER) {
                finding.level = Level::Note;
                finding.message = String::from("no Tollgate filter in it");
            }
        }
        Ok(Report {
            files,
            deny_warnings: self.deny_warnings,
        })
    }

    /// What is to be printed, for people or for programs.
    pub fn show(&self, report: &Report) -> String {
        if self.json {
            return format!("{:#}\n", report.json());
        }
        let in_colour = io::stdout().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        report.text(in_colour)
    }
}

// === impl Report ===

impl Report {
    /// Whether nothing was found that is a failure.
    pub fn is_right(&self) -> bool {
        self.count(|level| level == Level::Error) == 0
            && !(self.deny_warnings && self.count(|level| matches!(level, Level::Warning(_))) > 0)
    }

    fn count(&self, of: impl Fn(Level) -> bool) -> usize {
        let all = self.files.iter().flat_map(|(_, findings)| findings);
        all.filter(|finding| of(finding.level)).count()
    }

    fn text(&self, in_colour: bool) -> String {
        let mut text = String::new();
        for (file, findings) in &self.files {
            for finding in findings {
                let shown = Shown {
                    finding,
                    file,
                    in_colour,
                };
                // Writing to a text does not fail.
                let _ = writeln!(text, "{shown}");
            }
        }
        let plural =
            |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        let errors = plural(self.count(|level| level == Level::Error), "error");
        let warnings = plural(
            self.count(|level| matches!(level, Level::Warning(_))),
            "warning",
        );
        let files = plural(self.files.len(), "file");
        let _ = writeln!(text, "{files}: {errors}, {warnings}");
        text
    }

    fn json(&self) -> Value {
        let all = self.files.iter();
        let all =
            all.flat_map(|(file, findings)| findings.iter().map(|finding| finding.json(file)));
        json!(all.collect::<Vec<_>>())
    }
}

/// What is found in one file, and what depends on the others.
struct Looked {
    findings: Vec<Finding>,
    /// Whether it has an EnvoyPatchPolicy.
    is_patched: bool,
    /// What is to be said where no file has one.
    unpatched: Option<Finding>,
}

/// What is said of a gate of Envoy Gateway's where there is no EnvoyPatchPolicy.
const UNPATCHED: &str = "no EnvoyPatchPolicy in these files: without one, Envoy Gateway has paths tidied before the gate sees them, and a module that failed is not started again; see envoy/gateway/envoypatchpolicy.yaml";

/// All that there is to say about a text, in its order.
pub fn findings(text: &str, is_json: bool) -> Vec<Finding> {
    look(text, is_json).findings
}

fn look(text: &str, is_json: bool) -> Looked {
    let Parsed {
        documents,
        error,
        is_json,
    } = carrier::documents(text, is_json);
    let mut found: Vec<Finding> = Vec::new();
    found.extend(error.map(|error| Finding::error(error.mark, "", error.message)));
    let gates: Vec<Gate<'_>> = documents
        .iter()
        .flat_map(|document| Gate::all(document, is_json))
        .collect();
    if gates.is_empty() && found.is_empty() {
        found.push(without::error(&documents));
    }
    for gate in &gates {
        let errors = handover::errors(gate);
        if let Some(configuration) = gate.configuration.as_ref().filter(|_| errors.is_empty()) {
            found.extend(policy::errors(configuration));
        }
        found.extend(errors);
        found.extend(warnings::of(gate));
    }
    found.sort_by_key(|finding| finding.mark);
    // What is said of a whole document is said once, however many filters it has.
    found.dedup_by(|one, other| {
        one.mark == other.mark && one.path == other.path && one.message == other.message
    });
    let of_gateway = gates
        .iter()
        .find(|gate| gate.carrier == Carrier::EnvoyGateway);
    Looked {
        findings: found,
        is_patched: documents.iter().any(is_patch_policy),
        unpatched: of_gateway.map(|gate| Finding::note(&gate.plugin, UNPATCHED)),
    }
}

fn is_patch_policy(document: &Node) -> bool {
    match document.get("kind").and_then(Node::text) {
        Some("EnvoyPatchPolicy") => true,
        Some("List") => document
            .get("items")
            .is_some_and(|items| items.items().iter().any(is_patch_policy)),
        _ => false,
    }
}

fn read(file: &str) -> io::Result<String> {
    if file == "-" {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(file)
}
