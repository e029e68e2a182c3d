//! An explanation as people read it.

use std::fmt::{self, Write};
use std::time::Duration;

use serde_json::Value;

use super::report::{Answer, By, Explanation, Outcome, Step, Verdict};
use super::time::span;

/// Writes with or without colours.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether it is for a terminal that shows them.
    pub colours: bool,
}

const GREEN: &str = "32";
const RED: &str = "31";
const YELLOW: &str = "33";
const BOLD: &str = "1";
const FAINT: &str = "2";

/// How wide the names of what was looked at are.
const WIDTH: usize = 14;

// === impl Style ===

impl Style {
    /// The explanation.
    ///
    /// # Errors
    ///
    /// None: it is written into memory.
    pub fn render(self, explanation: &Explanation) -> Result<String, fmt::Error> {
        let mut text = String::new();
        let out = &mut text;
        let Explanation {
            configuration,
            at,
            request,
            ..
        } = explanation;
        let line = format!("{} {}", plain(&request.method), plain(&request.path));
        writeln!(out, "{}", self.paint(BOLD, &line))?;
        if let Some(found_in) = &request.found_in {
            writeln!(out, "from {}", plain(found_in))?;
        }
        writeln!(out, "by {} at {}", plain(configuration), plain(at))?;
        for note in &explanation.notes {
            writeln!(out, "{} {}", self.paint(YELLOW, "note:"), plain(note))?;
        }
        for step in &explanation.steps {
            writeln!(out)?;
            self.step(out, step)?;
        }
        writeln!(out)?;
        self.verdict(out, &explanation.verdict)?;
        Ok(text)
    }

    fn step(self, out: &mut String, step: &Step) -> fmt::Result {
        let head = format!("{}  {}", step.number, step.question);
        if step.answer == Answer::NotLookedAt {
            let text = format!("{head} not looked at");
            return writeln!(out, "{}", self.paint(FAINT, &text));
        }
        writeln!(out, "{}", self.paint(BOLD, &head))?;
        for seen in &step.looked_at {
            self.seen(out, seen.what, &seen.value)?;
        }
        let (colour, word) = match step.answer {
            Answer::Passed => (GREEN, "passed"),
            Answer::Refused => (RED, "refused"),
            Answer::Reported => (YELLOW, "reported"),
            Answer::Waits => (YELLOW, "waits"),
            Answer::NotKnown | Answer::NotLookedAt => (YELLOW, "not known"),
        };
        let word = match step.code {
            Some(code) => format!("{word} {code}"),
            None => word.to_owned(),
        };
        writeln!(
            out,
            "   {}: {}",
            self.paint(colour, &word),
            plain(&step.because)
        )
    }

    fn seen(self, out: &mut String, what: &str, value: &Value) -> fmt::Result {
        let lines = window(value).map_or_else(|| lines(value), |line| vec![line]);
        for (place, line) in lines.iter().enumerate() {
            let name = if place == 0 { what } else { "" };
            let name = format!("{name:WIDTH$}");
            writeln!(out, "     {} {line}", self.paint(FAINT, &name))?;
        }
        Ok(())
    }

    fn verdict(self, out: &mut String, verdict: &Verdict) -> fmt::Result {
        let code = verdict.code.as_deref().unwrap_or_default();
        let status = verdict
            .status
            .map(|status| status.to_string())
            .unwrap_or_default();
        let (colour, text) = match verdict.result {
            Outcome::Forwarded => (GREEN, "forwarded to the upstream".to_owned()),
            Outcome::Refused => (RED, format!("refused: {status} {code}")),
            Outcome::Reported => (
                YELLOW,
                format!(
                    "forwarded, and reported: it would be refused with {code}, were mode enforce"
                ),
            ),
            Outcome::Waits => (
                YELLOW,
                format!(
                    "not known: it waits for a server that was not given; in vain, {status} {code}"
                ),
            ),
            Outcome::NotKnown => (YELLOW, "not known".to_owned()),
        };
        let by = match verdict.by {
            By::Module => "the filter itself says so",
            By::Log => "the log line says so",
        };
        writeln!(out, "{} ({by})", self.paint(colour, &text))?;
        if let Some(detail) = &verdict.detail {
            self.seen(out, "detail", &Value::String(detail.clone()))?;
        }
        if let Some(upstream) = &verdict.upstream {
            for (name, value) in &upstream.set {
                self.seen(
                    out,
                    "upstream gets",
                    &Value::String(format!("{name}: {value}")),
                )?;
            }
            if let Some(assertion) = &upstream.assertion {
                let text = format!(
                    "x-tollgate-assertion: {} {}, signed",
                    assertion.header, assertion.claims
                );
                self.seen(out, "upstream gets", &Value::String(text))?;
            }
            if upstream.authorization {
                self.seen(
                    out,
                    "upstream gets",
                    &Value::String("authorization: as it was sent".to_owned()),
                )?;
            }
            if !upstream.removed.is_empty() {
                self.seen(out, "removed", &Value::String(upstream.removed.join(", ")))?;
            }
        }
        for (name, value) in &verdict.filter_state {
            self.seen(
                out,
                "in the log",
                &Value::String(format!("{name}: {value}")),
            )?;
        }
        for (name, value) in &verdict.answer_headers {
            self.seen(
                out,
                "client gets",
                &Value::String(format!("{name}: {value}")),
            )?;
        }
        if let Some(body) = &verdict.body {
            self.seen(out, "client gets", &Value::String(body.to_string()))?;
        }
        Ok(())
    }

    fn paint(self, colour: &str, text: &str) -> String {
        if self.colours {
            format!("\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// What is left of a cap's window, in words.
fn window(value: &Value) -> Option<String> {
    let number = |name| value.get(name).and_then(Value::as_u64);
    let text = |name| value.get(name).and_then(Value::as_str);
    let (cap, name) = (text("cap")?, text("window")?);
    let left = format!(
        "{cap}.{name}: {} of {} left",
        number("left")?,
        number("limit")?
    );
    Some(match number("ends_in_seconds") {
        Some(seconds) => format!("{left}, for another {}", span(Duration::from_secs(seconds))),
        None => left,
    })
}

/// A value in lines; a list's members each in one, an object indented where one line is too long.
fn lines(value: &Value) -> Vec<String> {
    const LONGEST: usize = 100;
    match value {
        Value::String(text) => vec![plain(text)],
        Value::Array(list) if list.is_empty() => vec!["none".to_owned()],
        Value::Array(list) if list.iter().all(is_word) => vec![plain(&value.to_string())],
        Value::Array(list) => list.iter().flat_map(lines).collect(),
        other => {
            let short = other.to_string();
            if short.chars().count() <= LONGEST {
                return vec![plain(&short)];
            }
            let long = serde_json::to_string_pretty(other).unwrap_or(short);
            long.lines().map(plain).collect()
        }
    }
}

/// Whether many can stand in one line.
fn is_word(value: &Value) -> bool {
    let text = value.as_str();
    text.is_some_and(|text| text.len() <= 40 && !text.contains(' '))
}

/// A text without anything that a terminal would obey, or that makes it show another one.
fn plain(text: &str) -> String {
    let plain = |c: char| {
        if c.is_control() || is_format(c) {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(plain).collect()
}

/// Characters that change how others are shown and are not seen themselves: Unicode's format characters (Cf), and what
/// ends lines and paragraphs (Zl, Zp).
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_was_sent() {
        assert_eq!(plain("a\u{1b}[31m\u{9b}b\n"), "a\\u{1b}[31m\\u{9b}b\\n");
        assert_eq!(
            plain("a\u{202e}b\u{2066}\u{feff}ü…"),
            "a\\u{202e}b\\u{2066}\\u{feff}ü…"
        );
    }

    #[test]
    fn long_objects_have_a_line_for_each_member() {
        assert_eq!(lines(&json!({"a": 1})), [r#"{"a":1}"#]);
        assert_eq!(lines(&json!({"a": "x".repeat(200), "b": 2})).len(), 4);
        assert_eq!(lines(&json!(["a b", "c"])), ["a b", "c"]);
        assert_eq!(lines(&json!(["", "/a"])), [r#"["","/a"]"#]);
        assert_eq!(lines(&json!([])), ["none"]);
    }

    #[test]
    fn windows_are_told_in_words() {
        let minute = json!({"cap": "calls", "window": "per_minute", "limit": 60, "left": 59, "ends_in_seconds": 38});
        let told = "calls.per_minute: 59 of 60 left, for another 38 s";
        assert_eq!(window(&minute).as_deref(), Some(told));
        assert_eq!(window(&json!({"aud": "api"})), None);
    }

    #[test]
    fn colours_are_for_terminals_only() {
        let painted = |colours| Style { colours }.paint(RED, "no");
        assert_eq!(painted(false), "no");
        assert_eq!(painted(true), "\u{1b}[31mno\u{1b}[0m");
    }
}
