//! `cargo tollgate check`: what is wrong with a configuration, before anybody runs it.

pub mod finding;
pub mod handover;
pub mod policy;
#[cfg(test)]
mod tests;
pub mod warnings;
pub mod without;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, IsTerminal, Read};

use clap::Args;
use serde_json::{Value, json};

use self::finding::{Finding, Level, Shown};
use self::warnings::Elsewhere;
use self::without::NO_FILTER;
use crate::carrier::document::Parsed;
use crate::carrier::gate::{self, Carrier, Modules};
use crate::carrier::place::Place;
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
        let parsed = |file: &String| {
            let text = read(file).map_err(|source| CheckError {
                file: file.clone(),
                source,
            })?;
            Ok(carrier::documents(&text, is_json(file)))
        };
        let parsed: Vec<_> = self.files.iter().map(parsed).collect::<Result<_, _>>()?;
        let found = all_findings(&parsed);
        let shown = |file: &String| if file == "-" { "<stdin>" } else { file }.to_owned();
        let mut files: Vec<_> = self.files.iter().map(shown).zip(found).collect();
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

/// What is said of a gate of Envoy Gateway's where no EnvoyPatchPolicy does it.
const UNPATCHED: &str = "no EnvoyPatchPolicy in these files that sets normalize_path and failure_policy: without one, Envoy Gateway has paths tidied before the gate sees them, and a module that failed is not started again; see envoy/gateway/envoypatchpolicy.yaml";

/// All that there is to say about files, of each in its order.
fn all_findings(files: &[Parsed]) -> Vec<Vec<Finding>> {
    let looked: Vec<_> = files.iter().map(Looked::at).collect();
    let mut elsewhere = Elsewhere::default();
    for (document, modules) in looked.iter().flat_map(|looked| &looked.documents) {
        elsewhere.add(document, &modules.gates);
    }
    let all = files.iter().zip(&looked);
    all.map(|(file, looked)| looked.findings(file, &elsewhere))
        .collect()
}

/// The documents of a file, each with what runs a module in it.
struct Looked<'a> {
    documents: Vec<(Place<'a>, Modules<'a>)>,
}

// === impl Looked ===

impl<'a> Looked<'a> {
    fn at(file: &'a Parsed) -> Self {
        let document = |node| {
            let whole = gate::whole(node, file.is_json);
            (whole, Modules::of(node, file.is_json))
        };
        Self {
            documents: file.documents.iter().map(document).collect(),
        }
    }

    fn findings(&self, file: &Parsed, elsewhere: &Elsewhere<'_>) -> Vec<Finding> {
        let mut found: Vec<Finding> = Vec::new();
        let error = file.error.as_ref();
        found.extend(error.map(|error| Finding::error(error.mark, "", &error.message)));
        let gates = || {
            self.documents
                .iter()
                .flat_map(|(_, modules)| &modules.gates)
        };
        let all: Vec<_> = gates().cloned().collect();
        if all.is_empty() && found.is_empty() {
            let documents: Vec<_> = self
                .documents
                .iter()
                .map(|(whole, _)| whole.clone())
                .collect();
            found.push(without::error(&documents));
        }
        for (document, modules) in &self.documents {
            if !all.is_empty() {
                found.extend(without::beside(document, &modules.others, &all));
            }
            found.extend(warnings::of_document(document, &modules.gates, elsewhere));
        }
        for gate in &all {
            let errors = handover::errors(gate);
            if let Some(configuration) = gate.configuration.as_ref().filter(|_| errors.is_empty()) {
                found.extend(policy::errors(configuration));
            }
            found.extend(errors);
            found.extend(warnings::of(gate));
        }
        let mut of_gateway = gates().filter(|gate| gate.carrier == Carrier::EnvoyGateway);
        let unpatched = of_gateway
            .next()
            .filter(|_| !elsewhere.completes_envoy_gateway());
        found.extend(unpatched.map(|gate| Finding::note(&gate.plugin, UNPATCHED)));
        found.sort_by_key(|finding| finding.mark);
        // What is said of a whole document is said once, however many filters it has.
        let mut said = HashSet::new();
        found.retain(|finding| {
            let Finding {
                mark,
                path,
                message,
                ..
            } = finding;
            said.insert((*mark, path.clone(), message.clone()))
        });
        found
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
