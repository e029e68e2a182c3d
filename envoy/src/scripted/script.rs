//! What a request asks for.

use std::time::Duration;

/// In front of a script, in a request's query.
pub(super) const KEY: &str = "script=";

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Wait for the release of this name.
    Hold(String),
    Delay(Duration),
    /// Send the headers and a part of the body.
    Headers,
    Reset,
    Close,
    Events,
    Upgrade,
    Redirect(String),
}

/// The steps that a request's target asks for, or the one that there is not.
pub(super) fn steps(target: &str) -> Result<Vec<Step>, String> {
    let (_, query) = target.split_once('?').unwrap_or_default();
    let Some(mut rest) = query.strip_prefix(KEY) else {
        return Ok(Vec::new());
    };
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(path) = rest.strip_prefix("redirect:") {
            steps.push(Step::Redirect(path.to_owned()));
            break;
        }
        let (first, others) = rest.split_once(',').unwrap_or((rest, ""));
        steps.push(step(first).ok_or_else(|| format!("there is no step {first:?}"))?);
        rest = others;
    }
    Ok(steps)
}

fn step(text: &str) -> Option<Step> {
    let (name, argument) = text.split_once(':').unwrap_or((text, ""));
    let step = match name {
        "hold" => return Some(Step::Hold(argument.to_owned())),
        "delay" => return Some(Step::Delay(Duration::from_millis(argument.parse().ok()?))),
        "headers" => Step::Headers,
        "reset" => Step::Reset,
        "close" => Step::Close,
        "events" => Step::Events,
        "upgrade" => Step::Upgrade,
        _ => return None,
    };
    argument.is_empty().then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read() {
        let hold = |name: &str| Step::Hold(name.to_owned());
        for (target, expected) in [
            ("/", vec![]),
            ("/?a=b", vec![]),
            ("/?script=", vec![]),
            ("/?script=hold", vec![hold("")]),
            (
                "/?script=hold:a,headers,delay:20,reset",
                vec![
                    hold("a"),
                    Step::Headers,
                    Step::Delay(Duration::from_millis(20)),
                    Step::Reset,
                ],
            ),
            (
                "/?script=delay:1,redirect:/b?script=hold,close",
                vec![
                    Step::Delay(Duration::from_millis(1)),
                    Step::Redirect("/b?script=hold,close".to_owned()),
                ],
            ),
        ] {
            assert_eq!(steps(target), Ok(expected), "{target}");
        }
    }

    #[test]
    fn a_step_that_there_is_not_is_named() {
        for step in ["jump", "reset:1", "delay:soon"] {
            let error = steps(&format!("/?script=headers,{step}")).unwrap_err();
            assert!(error.contains(step), "{error}");
        }
    }
}
