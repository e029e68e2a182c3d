//! Lines of an access log in the form of `envoy.yaml`: what the decision in it means.
//!
//! A line has no token, so the filter cannot decide again. What the rules can tell from the line alone (the path, the
//! route, the account's name) is asked of them; all else is what the line says.

use std::io;
use std::path::Path as FilePath;

use serde_json::{Map, Value};
use tollgate_policy::path::Path;
use tollgate_policy::refusal::Code;
use tollgate_policy::route::Access;

use super::report::{Answer, By, Explanation, Outcome, Shown, Step, VERSION, Verdict};
use super::request::{Asking, shown_path};
use super::source::Source;
use super::wrong::without_values;
use super::{ExplainError, text_of};
use crate::output;

/// One line.
#[derive(Debug)]
pub struct Line {
    members: Map<String, Value>,
    number: usize,
}

/// What a line says of the decision.
enum Said {
    Refused(Code),
    Reported(Code),
    Public,
    Forwarded,
    /// Nothing that is the gate's.
    Nothing,
}

/// Explains the lines of a log, `-` for stdin. Other lines may stand between them: Envoy's own, or of what is no HTTP.
///
/// # Errors
///
/// There is no line that can be explained.
pub fn explained(source: &Source, log: &FilePath) -> Result<Vec<Explanation>, ExplainError> {
    let (file, text) = if log.as_os_str() == "-" {
        let text = io::read_to_string(io::stdin());
        let text = text.map_err(|error| ExplainError::new(format!("stdin: {error}")))?;
        ("stdin".to_owned(), text)
    } else {
        (log.display().to_string(), text_of(log)?)
    };
    let lines = (1..).zip(text.lines());
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let (mut explained, mut odd) = (Vec::new(), Vec::new());
    for (number, line) in lines {
        let line = Line::parse(&file, number, line);
        match line.and_then(|line| line.explain(source, &file)) {
            Ok(explanation) => explained.push(explanation),
            Err(error) => odd.push(error),
        }
    }
    // Where all are odd, the last says why there is nothing.
    let last = if explained.is_empty() {
        odd.pop()
    } else {
        None
    };
    for error in odd {
        output::note(&format_args!("skipped: {error}"));
    }
    match last {
        Some(error) => Err(error),
        None if explained.is_empty() => {
            Err(ExplainError::new(format!("{file}: there is no line in it")))
        }
        None => Ok(explained),
    }
}

// === impl Line ===

impl Line {
    /// Reads a line of JSON.
    ///
    /// # Errors
    ///
    /// It is no object, or has no method or path.
    pub fn parse(file: &str, number: usize, text: &str) -> Result<Self, ExplainError> {
        let wrong = |why: &str| ExplainError::new(format!("{file}:{number}: {why}"));
        let members = match serde_json::from_str(text) {
            Ok(Value::Object(members)) => members,
            Ok(_) => {
                return Err(wrong(
                    "no JSON object; envoy.yaml's json_format writes one a line",
                ));
            }
            Err(error) => {
                return Err(wrong(&format!(
                    "not JSON ({}); envoy.yaml's json_format writes one object a line",
                    without_values(&error)
                )));
            }
        };
        let line = Self { members, number };
        for name in ["method", "path", "details"] {
            if line.text(name).is_none() {
                return Err(wrong(&format!(
                    "no {name}; the lines must have what json_format has in envoy.yaml"
                )));
            }
        }
        Ok(line)
    }

    /// What its decision means under a configuration.
    ///
    /// # Errors
    ///
    /// Its method or path is none.
    pub fn explain(&self, source: &Source, file: &str) -> Result<Explanation, ExplainError> {
        let (method, path) = (self.known("method"), self.known("path"));
        let place = format!("{file}:{}", self.number);
        let asking = Asking::new(method, path)
            .map_err(|error| ExplainError::new(format!("{place}: {error}")))?;
        let said = self.said();
        let mut notes = vec![
            "a log line has no token: what step 5 found is what the line says of it".to_owned(),
        ];
        let steps = self.steps(source, &asking, &said, &mut notes);
        let mut verdict = Verdict::new(said.outcome(), By::Log);
        if let Some(code) = said.code() {
            verdict.code = Some(code.as_str().to_owned());
            verdict.detail = Some(code.detail().to_owned());
        }
        let status = self.members.get("status").and_then(Value::as_u64);
        verdict.status = status.and_then(|status| u32::try_from(status).ok());
        for name in ["account", "subject", "decision", "cap"] {
            if let Some(value) = self.text(name) {
                verdict
                    .filter_state
                    .push((name.to_owned(), value.to_owned()));
            }
        }
        let mut explanation = Explanation {
            version: VERSION,
            configuration: source.file.clone(),
            at: self.text("time").unwrap_or("not known").to_owned(),
            request: Shown {
                method: method.to_owned(),
                path: shown_path(path),
                found_in: Some(place),
            },
            notes,
            steps,
            verdict,
        };
        source.hider(None).explanation(&mut explanation);
        Ok(explanation)
    }

    fn said(&self) -> Said {
        let decision = self.text("decision").unwrap_or_default();
        let reported = decision.strip_prefix("reported:").and_then(Code::parse);
        let refused = self.known("details").strip_prefix("tollgate:");
        // In the filter state, should another filter have written the details after it.
        let refused = refused
            .and_then(Code::parse)
            .or_else(|| Code::parse(decision));
        match (refused, reported, decision) {
            (Some(code), ..) => Said::Refused(code),
            (_, Some(code), _) => Said::Reported(code),
            (_, _, "public") => Said::Public,
            (_, _, "forwarded") => Said::Forwarded,
            _ => Said::Nothing,
        }
    }

    fn steps(
        &self,
        source: &Source,
        asking: &Asking,
        said: &Said,
        notes: &mut Vec<String>,
    ) -> Vec<Step> {
        let policy = &source.policy;
        let mut steps: Vec<_> = (1..=8).map(Step::new).collect();
        let ended = said.code().and_then(Code::step);
        let request = asking.request(&policy.account_header);
        let path = Path::parse(request.target);
        let class = path.as_ref().ok().map(|path| policy.class(&request, path));
        let is_public = class.is_some_and(|class| class.access == Access::Public);
        for step in &mut steps {
            let (number, ends) = (step.number, ended == Some(step.number));
            match number {
                1 => step.saw("path", asking.path()),
                3 => {
                    if let Ok(path) = &path {
                        let place = policy.routes.first(&policy.mounts, request.method, path);
                        let route = place.and_then(|place| source.at(&format!("/routes/{place}")));
                        step.saw(
                            "route",
                            route
                                .cloned()
                                .unwrap_or_else(|| "none matches: protected".into()),
                        );
                    }
                }
                4 => self.show(step, "account", "account"),
                5 => self.show(step, "subject", "subject"),
                7 => self.show(step, "least left", "cap"),
                _ => {}
            }
            if ends {
                let code = said.code();
                let answer = if matches!(said, Said::Reported(_)) {
                    Answer::Reported
                } else {
                    Answer::Refused
                };
                step.code = code.map(Code::as_str);
                step.answer(answer, code.map_or("", Code::detail));
                continue;
            }
            let (answer, because) = match (said, ended) {
                (Said::Nothing, _) => (Answer::NotKnown, "the line does not say"),
                (Said::Public, _) if (4..=7).contains(&number) => (Answer::NotLookedAt, ""),
                (Said::Public | Said::Forwarded, _) => (Answer::Passed, "as the line says"),
                (_, Some(ended)) if number < ended => {
                    (Answer::Passed, "or it would not have come further")
                }
                (_, Some(_)) => (Answer::NotLookedAt, ""),
                (_, None) => (
                    Answer::NotKnown,
                    "the gate lacked something: its own log says what",
                ),
            };
            step.answer(answer, because);
        }
        // What this configuration would say of the path is compared with what the line says.
        let differs = match said {
            Said::Nothing => None,
            Said::Refused(Code::PathAmbiguous) | Said::Reported(Code::PathAmbiguous) => {
                path.is_ok().then_some("takes the path for readable")
            }
            _ if path.is_err() => Some("would refuse the path with path_ambiguous"),
            // A CORS preflight is public anywhere, and the line does not say whether it is one.
            Said::Public if !is_public && request.method != b"OPTIONS" => {
                Some("does not have the endpoint public")
            }
            Said::Forwarded | Said::Refused(_) | Said::Reported(_) if is_public => {
                Some("has the endpoint public")
            }
            _ => None,
        };
        if let Some(differs) = differs {
            notes.push(format!(
                "{} {differs}, other than the gate that wrote the line: it had another configuration",
                source.file
            ));
        }
        if matches!(said, Said::Nothing) {
            notes.push(
                "neither `details` nor `decision` is the gate's: Envoy or another filter answered before it, or the filter state is not in the log".to_owned(),
            );
        }
        steps
    }

    fn show(&self, step: &mut Step, what: &'static str, name: &str) {
        if let Some(value) = self.text(name) {
            step.saw(what, value);
        }
    }

    /// A member that is text, and not Envoy's `-` for nothing.
    fn text(&self, name: &str) -> Option<&str> {
        let text = self.members.get(name)?.as_str()?;
        (text != "-").then_some(text)
    }

    fn known(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }
}

// === impl Said ===

impl Said {
    fn code(&self) -> Option<Code> {
        match self {
            Self::Refused(code) | Self::Reported(code) => Some(*code),
            Self::Public | Self::Forwarded | Self::Nothing => None,
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(_) => Outcome::Refused,
            Self::Reported(_) => Outcome::Reported,
            Self::Public | Self::Forwarded => Outcome::Forwarded,
            Self::Nothing => Outcome::NotKnown,
        }
    }
}
