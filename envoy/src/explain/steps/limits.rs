//! Step 7: how much?

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_policy::caps::{Asked, Left};
use tollgate_policy::path::Path;
use tollgate_policy::refusal::{Code, Refusal};

use super::account::Granted;
use super::{Stop, Walk, refuse};
use crate::explain::report::{Answer, Step};
use crate::explain::time::span;

impl Walk<'_> {
    /// 7: is the account within its caps? Whether it would have been refused, were they enforced.
    pub(super) fn within_caps(
        &self,
        granted: &Granted<'_>,
        path: &Path<'_>,
        steps: &mut Vec<Step>,
    ) -> Result<bool, Stop> {
        let policy = &self.source.policy;
        let mut step = Step::new(7);
        let asked = Asked {
            mounts: &policy.mounts,
            method: self.request.method,
            path,
            own: granted.own,
        };
        let counts = self.known.counts();
        let spent = self.known.spend(&self.given.spent, &granted.grant, &asked);
        for spent in &self.given.spent {
            let name = format!("{}.{}={}", spent.cap, spent.window.as_str(), spent.count);
            step.saw("given as spent", name);
        }
        let not_ready = |step, detail| {
            let refusal = Refusal {
                detail,
                ..Code::NotReady.into()
            };
            refuse(step, &refusal, detail.to_owned())
        };
        if spent.is_err() {
            return Err(not_ready(step, "what was spent could not be counted"));
        }
        let admitted = policy
            .caps
            .admit(granted.grant.clone(), &asked, self.now, || {
                Ok(self.known.counts())
            });
        let left = policy
            .caps
            .left(granted.grant.account(), &asked, self.now, &counts);
        let Ok(left) = left else {
            return Err(not_ready(step, "the counts could not be read"));
        };
        for window in &left {
            step.saw("window", told(window));
        }
        match admitted {
            Ok(admitted) => {
                let exceeded = admitted.exceeded().map(which);
                let tightest = admitted.standing().tightest.clone();
                match (&exceeded, tightest) {
                    (Some(which), _) => {
                        step.code = Some(Code::CapExceeded.as_str());
                        step.answer(
                            Answer::Reported,
                            format!("no: {which}; mode is report, so it goes on"),
                        );
                    }
                    (None, Some(tightest)) => step.answer(
                        Answer::Passed,
                        format!(
                            "yes; with this request counted, the least that is left is {tightest}"
                        ),
                    ),
                    (None, None) => step.answer(Answer::Passed, "no cap applies to it"),
                }
                steps.push(step);
                Ok(exceeded.is_some())
            }
            Err(refusal) => {
                let because = which(&refusal);
                Err(refuse(step, &refusal, because))
            }
        }
    }
}

/// Which window has no room.
fn which(refusal: &Refusal) -> String {
    let Some(cap) = &refusal.cap else {
        return refusal.detail.to_owned();
    };
    let wait = refusal.retry_after.unwrap_or_default();
    format!(
        "{} has used up {}.{}, which allows {}; there is room again in {}",
        cap.account,
        cap.cap,
        cap.window.as_str(),
        cap.limit,
        span(Duration::from_secs(wait.into()))
    )
}

fn told(window: &Left) -> Value {
    json!({
        "cap": window.cap,
        "window": window.window.as_str(),
        "limit": window.limit,
        "left": window.left,
        "ends_in_seconds": window.window.seconds().map(|_| window.seconds),
    })
}
