//! `tollgate explain`: why the gate lets a request pass, or does not.
//!
//! The filter itself decides ([`module`]); the rules, asked one by one ([`steps`]), explain it; and where the two do not
//! agree there is no explanation ([`verdict`]).

mod given;
mod har;
mod hidden;
mod jwt;
mod knowledge;
mod log_line;
mod module;
mod render;
mod report;
mod request;
mod source;
mod steps;
mod time;
mod verdict;
mod wrong;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tollgate_policy::account::AccountName;
use tollgate_policy::credential::{self, Credential};

pub use self::report::{Answer, By, Explanation, Outcome, Step, VERSION, Verdict};

use self::given::Given;
use self::jwt::Decoded;
use self::knowledge::Known;
use self::module::{Module, Scenario};
use self::render::Style;
use self::report::Shown;
use self::request::Asking;
use self::source::Source;
use self::steps::Walk;
use crate::progress::Progress;
use crate::{output, workspace};

/// Explains what the gate does with a request: the eight questions it asks, and why each is answered so
///
/// The request is written behind `--`: METHOD PATH, and -H 'Name: value' as often as needed. The filter itself is run on
/// it. Tokens are shown decoded; signatures and keys never.
///
/// Exit code: 0 it passes, 1 it is refused, 2 wrong use, or nobody can tell.
#[derive(Debug, Args)]
pub struct Explain {
    /// The configuration: the plugin's JSON or YAML, or an Envoy bootstrap, Istio WasmPlugin or Envoy Gateway
    /// EnvoyExtensionPolicy with it [default: envoy/envoy.yaml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A JWK set to use instead of fetching it: of the issuer that the token names, or of ISSUER
    #[arg(long, value_name = "FILE[=ISSUER]")]
    key_set: Vec<String>,
    /// When the request comes, RFC 3339 or seconds since 1970 [default: now; a HAR entry's own time]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// What is answered when the gate asks whether an API key is active (RFC 7662), JSON
    #[arg(long, value_name = "FILE")]
    introspection: Option<PathBuf>,
    /// The directory of accounts, JSON [default: the account exists and is active]
    #[arg(long, value_name = "FILE")]
    directory: Option<PathBuf>,
    /// What the account has used already, such as requests.per_minute=60
    #[arg(long, value_name = "CAP.WINDOW=N")]
    spent: Vec<String>,
    /// Servers that were not given are out of reach: says what is answered then
    #[arg(long)]
    offline: bool,
    /// The requests of an HTTP Archive, as browsers save it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["log", "request"])]
    har: Option<PathBuf>,
    /// Only this one of the archive's, from 1
    #[arg(long, value_name = "N")]
    entry: Option<usize>,
    /// Lines of the access log, in envoy.yaml's format; - for stdin
    #[arg(long, value_name = "FILE", conflicts_with = "request")]
    log: Option<PathBuf>,
    /// As JSON, one object a request (envoy/explain.schema.json)
    #[arg(long)]
    json: bool,
    /// Words before `--`, which clap would repeat as they are.
    #[arg(hide = true)]
    misplaced: Vec<OsString>,
    /// METHOD PATH -H 'Name: value'…
    #[arg(last = true, value_name = "REQUEST")]
    request: Vec<OsString>,
}

/// Why nothing is explained: what was found, and what to write. No secret is repeated.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ExplainError(String);

/// A request, and where it is from.
struct Asked {
    asking: Asking,
    found_in: Option<String>,
    notes: Vec<String>,
}

/// The exit code where nothing is explained.
const WRONG: u8 = 2;

// === impl Explain ===

impl Explain {
    /// Prints the explanations, and gives the exit code: of several requests, the largest.
    pub fn run(&self) -> u8 {
        match self.explanations() {
            Ok(explanations) => {
                let codes = explanations
                    .iter()
                    .map(|explanation| explanation.verdict.result.exit_code());
                let code = codes.max().unwrap_or_default();
                match self.print(&explanations) {
                    Ok(()) => code,
                    Err(error) => failed(&error),
                }
            }
            Err(error) => failed(&error),
        }
    }

    /// Explains each request.
    ///
    /// # Errors
    ///
    /// Something is not as it should be, or the explanation is not what the filter does.
    pub fn explanations(&self) -> Result<Vec<Explanation>, ExplainError> {
        if !self.misplaced.is_empty() {
            return Err(ExplainError::new(
                "a word that belongs to no flag; the request is written behind `--`: -- METHOD PATH -H 'Name: value'".to_owned(),
            ));
        }
        let reference = || workspace::root().join("envoy/envoy.yaml");
        let source = Source::read(&self.config.clone().unwrap_or_else(reference))?;
        if let Some(log) = &self.log {
            return log_line::explained(&source, log);
        }
        let given = Given::read(
            &source,
            &self.key_set,
            self.introspection.as_deref(),
            self.directory.as_deref(),
            &self.spent,
        )?;
        let at = self.at.as_deref().map(time::parse).transpose()?;
        let asked = self.asked()?;
        let mut module = Module::build(&Progress::new())?;
        let explain = |asked: Asked| {
            let at = at.or(asked.asking.made).unwrap_or_else(time::now);
            explain(
                &source,
                &given,
                &mut module,
                asked,
                At::both(at),
                self.offline,
            )
        };
        asked.into_iter().map(explain).collect()
    }

    /// The requests to explain.
    fn asked(&self) -> Result<Vec<Asked>, ExplainError> {
        let Some(har) = &self.har else {
            if self.entry.is_some() {
                return Err(ExplainError::new("--entry is one of --har's".to_owned()));
            }
            let asking = Asking::parse(&self.request)?;
            return Ok(vec![Asked {
                asking,
                found_in: None,
                notes: Vec::new(),
            }]);
        };
        let file = har.display().to_string();
        let har::Entries {
            entries,
            odd,
            skipped,
        } = har::read(&file, &text_of(har)?, self.entry)?;
        for error in odd {
            output::note(&format_args!("skipped: {error}"));
        }
        if !skipped.is_empty() {
            let all = skipped.join(", ");
            output::note(&format_args!("skipped: {file}: not HTTP: entry {all}"));
        }
        if entries.is_empty() {
            return Err(ExplainError::new(format!(
                "{file}: there are no requests over HTTP in it"
            )));
        }
        let asked = |entry: har::Entry| {
            let mut notes = Vec::new();
            if let Some(status) = entry.answered {
                notes.push(format!("in the archive it was answered with {status}"));
            }
            if entry.asking.values("authorization").next().is_none() {
                notes.push(
                    "the archive's request has no Authorization: browsers leave it out unless the HAR is saved with sensitive data".to_owned(),
                );
            }
            Asked {
                found_in: Some(format!("{file}, entry {}", entry.number)),
                asking: entry.asking,
                notes,
            }
        };
        Ok(entries.into_iter().map(asked).collect())
    }

    fn print(&self, explanations: &[Explanation]) -> Result<(), ExplainError> {
        let no_colours = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let unwritten = |error| ExplainError::new(format!("stdout: {error}"));
        let style = Style {
            colours: io::stdout().is_terminal() && !no_colours,
        };
        for (place, explanation) in explanations.iter().enumerate() {
            if self.json {
                let json = serde_json::to_string(explanation);
                let json = json.map_err(|error| ExplainError::new(error.to_string()))?;
                output::print(&format_args!("{json}\n")).map_err(unwritten)?;
                continue;
            }
            if place > 0 {
                output::print(&"\n").map_err(unwritten)?;
            }
            let text = style.render(explanation);
            let text = text.map_err(|error| ExplainError::new(error.to_string()))?;
            output::print(&text).map_err(unwritten)?;
        }
        Ok(())
    }
}

/// The time for the rules and for the filter: the same, but in the test that has the two disagree.
#[derive(Clone, Copy)]
struct At {
    rules: Duration,
    filter: Duration,
}

impl At {
    fn both(at: Duration) -> Self {
        Self {
            rules: at,
            filter: at,
        }
    }
}

/// Explains a request by the rules, and has the filter decide on it.
fn explain(
    source: &Source,
    given: &Given,
    module: &mut Module,
    asked: Asked,
    at: At,
    offline: bool,
) -> Result<Explanation, ExplainError> {
    let Asked {
        asking,
        found_in,
        mut notes,
    } = asked;
    let policy = &source.policy;
    let request = asking.request(&policy.account_header);
    let token = credential::bearer(request.authorization).unwrap_or_default();
    let credential = String::from_utf8_lossy(token);
    let decoded = Decoded::of(&credential);
    let named = decoded.claim("iss").and_then(Value::as_str);
    let keys = policy.api_keys.as_ref();
    let account = match Credential::read(request.authorization, keys) {
        Ok(read) => read.account(request.account, &policy.accounts, keys).ok(),
        Err(_) => None,
    };
    let known = Known::new(source, given, named, account.as_ref(), at.rules);
    let walk = Walk {
        source,
        asking: &asking,
        request: &request,
        given,
        known: &known,
        decoded: &decoded,
        now: at.rules,
    };
    let mut walked = walk.walk();
    let account = account.as_ref().map(AccountName::as_str);
    let replayed = module.replay(&Scenario {
        source,
        asking: &asking,
        given,
        known: &known,
        now: at.filter,
        account,
        named,
    })?;
    let verdict = verdict::verdict(source, &asking, &mut walked, replayed, offline)?;
    if known
        .directory_text
        .as_ref()
        .is_some_and(|(_, assumed)| *assumed)
        && reached(&walked.steps, 6)
    {
        notes.push("--directory is not given: the account is assumed to exist, active, with no caps of its own".to_owned());
    }
    if reached(&walked.steps, 7) && given.spent.is_empty() && !policy.caps.is_empty() {
        notes.push(
            "--spent is not given: the account is assumed to have used nothing yet".to_owned(),
        );
    }
    let mut explanation = Explanation {
        version: VERSION,
        configuration: source.file.clone(),
        at: time::written(at.rules),
        request: Shown {
            method: asking.method.clone(),
            path: asking.path(),
            found_in,
        },
        notes,
        steps: walked.steps,
        verdict,
    };
    source
        .hider(Some(&credential))
        .explanation(&mut explanation);
    Ok(explanation)
}

fn reached(steps: &[Step], number: u8) -> bool {
    let step = steps.iter().find(|step| step.number == number);
    step.is_some_and(|step| step.answer != Answer::NotLookedAt)
}

fn text_of(file: &Path) -> Result<String, ExplainError> {
    let name = file.display();
    fs::read_to_string(file).map_err(|error| ExplainError::new(format!("{name}: {error}")))
}

fn failed(error: &ExplainError) -> u8 {
    output::note(&format_args!("error: {error}"));
    WRONG
}

// === impl ExplainError ===

impl ExplainError {
    fn new(why: String) -> Self {
        Self(why)
    }
}

#[cfg(test)]
mod tests;
