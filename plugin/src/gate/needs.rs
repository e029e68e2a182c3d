//! What is done about a request that needs something which is not known yet.

use std::time::Duration;

use tollgate_policy::credential::Credential;
use tollgate_policy::decide::Need;
use tollgate_policy::introspection::{Inquiry, IntrospectionCache};
use tollgate_policy::refusal::{Code, Refusal};
use tollgate_policy::request::Request;
use tollgate_policy::token::Verifier;

use super::Gate;
use super::known::Known;
use crate::fetched::Outlook;
use crate::introspections::Full;
use crate::waiting::{self, Waiter};

impl Gate {
    /// Lets a request wait, or tells why it cannot.
    pub(super) fn wait(
        &self,
        context: u32,
        waiter: Option<Waiter>,
        need: Need,
        now: Option<Duration>,
    ) -> Result<(), Refusal> {
        let now = now.ok_or(Code::NotReady)?;
        // Also where the clock has stepped back since.
        let latest = now + self.max_wait(need);
        let until = waiter.map_or(latest, |waiter| waiter.until.min(latest));
        if now >= until {
            return Err(need.refusal());
        }
        let is_new = waiter.is_none_or(|waiter| waiter.need != need);
        let added = self.waiting.add(Waiter {
            context,
            until,
            need,
            is_stranger: match need {
                Need::Introspection(digest) => self.introspections.is_new(&digest),
                Need::Keys(_) | Need::Directory => false,
            },
        });
        added.map_err(|waiting::Full| need.refusal())?;
        if is_new {
            self.counters.paused(need);
        }
        Ok(())
    }

    /// Takes the answer to a callout, whosever it is: those who wait for it have their turn.
    pub(super) fn take_answer(&self, token: u32, size: usize, now: Duration) {
        if let Some(news) = self.keys.answered(&self.policy.issuers, token, size, now) {
            if news {
                self.waiting.wake_for_keys();
            }
        } else if let Some(news) = self.directory.answered(&self.policy, token, size, now) {
            if news {
                self.waiting.wake(Need::Directory);
            }
        } else if let Some(settled) = self.introspections.answered(&self.policy, token, size, now) {
            for digest in settled {
                self.waiting.wake(Need::Introspection(digest));
            }
        }
    }

    /// Sees to it that what a request needs becomes known.
    pub(super) fn see_to(
        &self,
        need: Need,
        request: &Request<'_>,
        now: Option<Duration>,
    ) -> Outlook {
        let Some(now) = now else {
            return Outlook::Wait;
        };
        let outlook = match need {
            Need::Keys(position) => match self.policy.issuers.get(position) {
                Some(issuer) => self.keys.want(position, issuer, now),
                None => Outlook::Wait,
            },
            Need::Directory => self.directory.want(&self.policy, now),
            Need::Introspection(_) => {
                let inquiry = self.inquiry(request);
                match inquiry.map(|inquiry| self.introspections.ask(inquiry, now)) {
                    Some(Err(Full)) => Outlook::TooMuch,
                    Some(Ok(())) | None => Outlook::Wait,
                }
            }
        };
        if outlook == Outlook::DecideAgain {
            self.waiting.wake(need);
        }
        outlook
    }

    /// Asks again about a credential in use, before what is known of it grows too old.
    pub(super) fn look_ahead(&self, request: &Request<'_>, known: &Known<'_>) {
        let cache = self.introspections.cache();
        let due = cache.and_then(IntrospectionCache::take_due);
        if let Some(due) = due
            && let Some(now) = known.now()
            && let Some(inquiry) = self.inquiry(request)
            && inquiry.digest() == due
        {
            // Where there is no room, the next request with it tries again.
            let _ = self.introspections.ask(inquiry, now);
        }
    }

    /// What there is to ask about a request's credential.
    fn inquiry(&self, request: &Request<'_>) -> Option<Inquiry> {
        let keys = self.policy.api_keys.as_ref()?;
        let credential = Credential::read(request.authorization, Some(keys)).ok()?;
        Inquiry::about(&credential)
    }

    fn max_wait(&self, need: Need) -> Duration {
        let configured = match need {
            Need::Keys(issuer) => {
                let issuer = self.policy.issuers.get(issuer);
                let remote = issuer.and_then(|issuer| issuer.jwks.remote.as_ref());
                remote.map(|remote| remote.max_wait)
            }
            Need::Directory => self.policy.directory.as_ref().map(|remote| remote.max_wait),
            Need::Introspection(_) => {
                let keys = self.policy.api_keys.as_ref();
                keys.map(|keys| keys.remote.max_wait)
            }
        };
        configured.unwrap_or_default()
    }
}
