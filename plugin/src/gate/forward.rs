//! How a request goes on: what is changed in it, and what is kept of it until it ends.

use tollgate_policy::caps::Admitted;
use tollgate_policy::config::FilterState;
use tollgate_policy::forward::Forward;
use tollgate_policy::identity;
use tollgate_policy::refusal::Refusal;
use tollgate_policy::request::Request;

use super::{Gate, Outcome};
use crate::host::{self, Map, pairs};
use crate::under_way;

impl Gate {
    /// Lets a request end with so many trailers, without forged identity: there too, a server could take it for the
    /// gate's. Where they cannot be cleaned Envoy answers the client, or resets the stream if it has an answer already:
    /// a request that only stood still would hold what it takes up until a timeout, if there is one.
    pub fn finish(&self, count: usize) -> Outcome {
        if self.clean_trailers(count).is_ok() {
            return Outcome::Forwarded;
        }
        let unclean = Refusal::not_ready("the request's trailers cannot be cleaned");
        self.refuse(&unclean, false);
        self.tell_counts_without_ticks();
        Outcome::Answered
    }

    fn clean_trailers(&self, count: usize) -> host::Result<()> {
        let bytes = host::request(Map::Trailers)?;
        // The host's form of no pairs at all, which HTTP/2 can send.
        if count == 0 && bytes.is_empty() {
            return Ok(());
        }
        let Some(trailers) = pairs::read(&bytes) else {
            return Err(host::Error::Malformed);
        };
        let header = &self.policy.account_header;
        for (name, _) in trailers {
            if identity::is_reserved(name, header) {
                host::remove(Map::Trailers, name)?;
            }
        }
        Ok(())
    }

    /// Lets a request go on.
    pub(super) fn forward(&self, context: u32, forward: Forward, request: &Request<'_>) -> Outcome {
        let changed = self.change(&forward, request);
        let admitted = forward.into_admitted();
        if changed.is_err() {
            if let Some(holding) = admitted.and_then(|admitted| admitted.into_parts().0) {
                self.counting.undo(&self.policy.caps, holding);
            }
            let unchanged = Refusal::not_ready("the request's headers cannot be changed");
            self.refuse(&unchanged, request.is_grpc());
            return Outcome::Answered;
        }
        match admitted {
            None => self.counters.public.increment(),
            Some(admitted) => self.begin(context, admitted),
        }
        Outcome::Forwarded
    }

    fn begin(&self, context: u32, admitted: Admitted) {
        self.counters.forwarded.increment();
        self.counters.admitted(&admitted);
        if let Some(exceeded) = admitted.exceeded() {
            self.report(exceeded);
        }
        let (holding, standing) = admitted.into_parts();
        if let Some(holding) = &holding {
            self.counting.began(&self.policy.caps, holding);
        }
        let rate_limit = standing.rate_limit;
        let request = under_way::Request {
            holding,
            rate_limit,
            has_ended: false,
        };
        if let Some(before) = self.under_way.add(context, request) {
            self.counting.ended(&self.policy.caps, before);
        }
    }

    /// Changes the request's headers. Where one change fails the request must not go on.
    pub(super) fn change(&self, forward: &Forward, request: &Request<'_>) -> host::Result<()> {
        let edits = forward.edits(request, &self.policy);
        for name in edits.remove {
            host::remove(Map::Headers, name)?;
        }
        for (name, value) in edits.set {
            host::set_request_header(name, value)?;
        }
        if is_forged(request, &self.policy.account_header) {
            self.counters.forged.increment();
        }
        let decision = match forward.admitted() {
            None => "public",
            Some(admitted) => {
                let account = admitted.grant().account();
                self.show(FilterState::Account, account.as_str())?;
                if let Some(tightest) = &admitted.standing().tightest {
                    self.show(FilterState::Cap, tightest)?;
                }
                "forwarded"
            }
        };
        if let Some(subject) = forward.subject() {
            self.show(FilterState::Subject, subject)?;
        }
        self.show(FilterState::Decision, decision)
    }
}

/// Whether a request brings what only the gate may say: anything but the account, and an administrator's wish, as the
/// client is to write them.
fn is_forged(request: &Request<'_>, account_header: &str) -> bool {
    // Nearly all requests bring none or just one, and this is asked of each.
    let mut forged = request.forged.iter();
    forged.any(|name| {
        *name != account_header.as_bytes() && *name != identity::ADMIN_HEADER.as_bytes()
    })
}
