//! Who sends the requests.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::dice::Dice;
use super::findings::{Answered, Findings};
use super::minutes::{Counted, Fate, Minutes};
use super::model::{BROKEN, Kind, UNANSWERED};
use super::world::{ACTIVE, AGENTS, API_KEYS, World};
use crate::client::{Connection, Request, Response};
use crate::trials::accounts::{Credential, Tenant, TenantError};

/// A client rests so long at most after an answer, in milliseconds: what is tried is not how much Envoy can do.
const REST: usize = 60;

/// A client with a connection, who works until it is told to stop.
pub struct Client<'a> {
    pub world: &'a World,
    pub findings: &'a Findings,
    pub stop: &'a AtomicBool,
    pub dice: Dice,
    pub connection: Option<Connection>,
}

/// A request's answer, or none.
struct Sent {
    outcome: String,
    response: Option<Response>,
    sent: Instant,
    answered: Instant,
}

// === impl Client ===

impl Client<'_> {
    /// Sends requests of these kinds.
    pub fn mixed(mut self, kinds: &[Kind]) {
        while self.goes_on() {
            let chosen = self.dice.below(kinds.len());
            if let Some(kind) = kinds.get(chosen) {
                let request = self.world.request(*kind, &mut self.dice);
                self.ask(*kind, &request);
            }
        }
    }

    /// Uses up an account's minutes.
    pub fn capped(mut self, minutes: &Minutes) {
        let token = self.world.stack.issuer().member("capped");
        let request = self.world.stack.get(AGENTS).account("capped").bearer(token);
        while self.goes_on() {
            let sent = SystemTime::now();
            let answer = self.send(&request);
            let fate = match answer.outcome.as_str() {
                "429 cap_exceeded" => Fate::Refused,
                // Envoy's own answers come before and after the count.
                BROKEN | UNANSWERED | "503" => Fate::Unknown,
                _ => Fate::Passed,
            };
            minutes.add(Counted {
                sent,
                answered: SystemTime::now(),
                fate,
            });
            if fate != Fate::Refused {
                self.findings.judge(Kind::Member, answer.as_answered());
            }
        }
    }

    /// Makes keys, uses them, deletes them, and uses them then.
    pub fn keys(mut self) {
        let token = self.world.stack.issuer().member("alpha");
        let user = |request: Request| request.account("alpha").bearer(&token);
        let new = user(self.world.stack.post(API_KEYS));
        let new = new.json(&json!({"name": "short", "expiry": "never"}));
        while self.goes_on() {
            let Some(made) = self.ask(Kind::Write, &new) else {
                continue;
            };
            let made = made.json();
            let field = |name: &str| made.get(name).and_then(Value::as_str).unwrap_or_default();
            let with = self.world.with_key(field("key"));
            let path = format!("{API_KEYS}/{}", field("id"));
            let delete = user(self.world.stack.request("DELETE", &path));
            for _ in 0..self.dice.below(100) {
                if !self.goes_on() {
                    return;
                }
                self.ask(Kind::ApiKey, &with);
            }
            let Some(gone) = self.delete(&delete, &with) else {
                return;
            };
            while gone.elapsed() < ACTIVE * 2 && self.goes_on() {
                self.use_deleted(&with, gone);
            }
        }
    }

    /// Deletes a key until somebody says that it is gone; when that was.
    fn delete(&mut self, delete: &Request, with: &Request) -> Option<Instant> {
        while self.goes_on() {
            let answer = self.send(delete);
            match answer.outcome.as_str() {
                // The second: by a request that nobody has answered.
                "204" | "404 key_not_found" => return Some(answer.answered),
                _ => {
                    self.findings.judge(Kind::Member, answer.as_answered());
                    let answer = self.send(with);
                    if !may_be_deleted(&answer.outcome) {
                        self.findings.judge(Kind::ApiKey, answer.as_answered());
                    }
                }
            }
        }
        None
    }

    fn use_deleted(&mut self, with: &Request, gone: Instant) {
        let answer = self.send(with);
        if may_still_work(gone, answer.sent) && answer.outcome == "200" {
            self.findings.judge(Kind::ApiKey, answer.as_answered());
        } else {
            // While it may work, the gate may ask, be told and let through what the upstream cannot answer any more.
            let behind = may_still_work(gone, answer.sent) && answer.outcome.starts_with("503");
            let kind = if behind { Kind::ApiKey } else { Kind::Revoked };
            self.findings.judge(kind, answer.as_answered());
        }
    }

    /// Writes, and reads what it has written: all of it, and nothing else.
    pub fn rows(mut self, account: &str) {
        let token = self.world.stack.issuer().member(account);
        let gate = self.world.stack.gate();
        let mut tenant = Tenant::new(account, gate, Credential::Token(token));
        let mut rounds = 0;
        loop {
            // When the faults are over, all that was acknowledged must be there.
            let last = !self.goes_on();
            let mut connection = match self.connection.take().map_or_else(|| tenant.connect(), Ok) {
                Ok(connection) => connection,
                Err(error) => return self.findings.wrong(error.to_string()),
            };
            let sent = Instant::now();
            rounds += 1;
            let (kind, answer) = match self.dice.below(10) {
                _ if last || rounds % 50 == 0 => (Kind::Member, tenant.list(&mut connection)),
                0..3 => (Kind::Write, tenant.write(&mut connection)),
                _ => (Kind::Member, tenant.read(&mut connection)),
            };
            let answered = Instant::now();
            let outcome = match answer {
                Ok(answer) => {
                    self.connection = Some(connection);
                    self.status(kind, answer.status, sent, answered)
                }
                Err(TenantError::Io { source, .. }) => without_answer(&source).to_owned(),
                Err(wrong @ TenantError::Wrong { .. }) => {
                    return self.findings.wrong(wrong.to_string());
                }
            };
            let answer = Answered {
                outcome: &outcome,
                sent,
                answered,
            };
            let right = self.findings.judge(kind, answer);
            if last && (right || outcome != BROKEN) {
                return;
            }
        }
    }

    /// A status without its code, which this client does not see: one of those that may be.
    fn status(&self, kind: Kind, status: u16, sent: Instant, answered: Instant) -> String {
        use super::model::{Verdict, judge};
        let disturbed = self.findings.outages.disturbed(sent, answered);
        let codes = ["503", "503 database_unavailable"].map(str::to_owned);
        let excused = codes.into_iter().find(|outcome| {
            status == 503 && matches!(judge(kind, outcome, &disturbed), Verdict::Excused(_))
        });
        excused.unwrap_or_else(|| match (kind, status) {
            // A read of nothing yet.
            (Kind::Member, 200) | (Kind::Write, 201) => kind.right().to_owned(),
            _ => status.to_string(),
        })
    }

    /// Sends a request and has the answer judged; the answer where it is right.
    fn ask(&mut self, kind: Kind, request: &Request) -> Option<Response> {
        let answer = self.send(request);
        let right = self.findings.judge(kind, answer.as_answered());
        let response = answer.response.filter(|_| right)?;
        if let Some(wrong) = self.world.misread(kind, &response) {
            self.findings.wrong(wrong);
        }
        self.world.learn(kind, &response);
        Some(response)
    }

    fn send(&mut self, request: &Request) -> Sent {
        let sent = Instant::now();
        let answer = match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.world.stack.gate().connect(),
        };
        let answer = answer.and_then(|mut connection| {
            let answer = connection.send(request)?;
            if answer.header("connection") != Some("close") {
                self.connection = Some(connection);
            }
            Ok(answer)
        });
        let outcome = match &answer {
            Ok(answer) => answer.outcome(),
            Err(error) => without_answer(error).to_owned(),
        };
        Sent {
            outcome,
            response: answer.ok(),
            sent,
            answered: Instant::now(),
        }
    }

    /// Rests for a moment.
    fn goes_on(&mut self) -> bool {
        let rest = u64::try_from(self.dice.below(REST)).unwrap_or_default();
        thread::sleep(Duration::from_millis(rest));
        !self.stop.load(Ordering::Relaxed)
    }
}

/// What became of a request that has no answer.
fn without_answer(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => UNANSWERED,
        _ => BROKEN,
    }
}

/// Whether a key whose deletion was acknowledged then may work for a request sent at that time.
fn may_still_work(gone: Instant, sent: Instant) -> bool {
    sent < gone + ACTIVE
}

/// Of a key that somebody tries to delete.
fn may_be_deleted(outcome: &str) -> bool {
    outcome == Kind::Revoked.right()
}

// === impl Sent ===

impl Sent {
    fn as_answered(&self) -> Answered<'_> {
        Answered {
            outcome: &self.outcome,
            sent: self.sent,
            answered: self.answered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_key_works_for_its_time_and_no_longer() {
        let gone = Instant::now();
        assert!(may_still_work(
            gone,
            gone + ACTIVE - Duration::from_millis(1)
        ));
        assert!(!may_still_work(gone, gone + ACTIVE));
        assert!(may_be_deleted("401 key_inactive") && !may_be_deleted("401 token_malformed"));
    }
}
