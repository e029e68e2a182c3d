//! What each kind of request must be answered, and which other answers a fault excuses.
//!
//! Each kind has one right answer. Any other is wrong, unless a part that this kind needs was disturbed at that time,
//! and it is one of the answers that are documented for just that.

/// What can be disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Both issuers.
    Issuer,
    /// PostgreSQL.
    Postgres,
    /// The upstream, and so the directory of accounts and the look-ups of keys.
    Upstream,
    /// Envoy's listener.
    Gate,
}

/// The kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A member's read, with a token that was used before.
    Member,
    /// A member's read, with a new token.
    NewToken,
    /// The same with a token of the issuer whose keys grow old within seconds.
    StrictToken,
    /// A member's write.
    Write,
    /// An administrator's list of accounts.
    Admin,
    /// A read with an active API key.
    ApiKey,
    /// The public list of accounts.
    Public,
    /// A page asks for a visitor's tokens.
    Guest,
    /// A read with a visitor's token.
    Visitor,
    /// A token that the upstream verifies itself.
    SelfVerified,

    /// An API key that was deleted, later than it may work on.
    Revoked,
    /// An API key that nobody has made.
    MadeUpKey,
    /// A token of a key that the issuer does not have.
    UnknownKey,
    /// A page that the widget's key does not allow asks.
    StrangePage,
    /// An active API key on an admin route.
    KeyOnAdminRoute,

    /// A visitor's token where it is not accepted.
    VisitorElsewhere,
    /// A token with another one's signature.
    Forged,
    /// A token without a signature.
    Unsigned,
    /// A token that has expired.
    Expired,
    /// A token of a member of another account.
    Foreign,
    /// A member on an admin route.
    NoAdministrator,
    /// An administrator who does not say so.
    AdminUnsaid,
    /// An account that there is not.
    UnknownAccount,
    /// An account that is suspended.
    Suspended,
    /// An account that is the system's.
    Reserved,
    /// No token.
    NoToken,
    /// No account.
    NoAccount,
    /// A path with two readings.
    Ambiguous,
    /// An account that may make no requests.
    Closed,
}

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The one answer that is right.
    Right,
    /// Another one, which this fault excuses.
    Excused(Part),
    /// One that must never be.
    Wrong,
}

/// Instead of an answer: the connection ended.
pub const BROKEN: &str = "broken off";

/// Instead of an answer: nothing, for as long as a client waits. Everything here has a waiting time that is shorter, so no
/// fault excuses it.
pub const UNANSWERED: &str = "not answered";

/// What Envoy answers itself where it does not reach the upstream.
const UNREACHABLE: &str = "503";

/// What the upstream answers where PostgreSQL does not answer, or too late.
const DATABASE: [&str; 3] = [
    "503 database_unavailable",
    "503 database_busy",
    "503 timeout",
];

/// What the upstream answers where it stood still itself while it waited, and its own waiting times are over.
const LATE: &str = "503 verification_busy";

const INTROSPECTION: &str = "503 introspection_unavailable";
const KEYS: &str = "503 keys_unavailable";

/// What an `outcome` is, while these parts are disturbed.
pub fn judge(kind: Kind, outcome: &str, disturbed: &[Part]) -> Verdict {
    if outcome == kind.right() {
        return Verdict::Right;
    }
    let excuse = disturbed.iter().find(|part| kind.excuses(**part, outcome));
    excuse.map_or(Verdict::Wrong, |part| Verdict::Excused(*part))
}

// === impl Kind ===

impl Kind {
    /// Those that are answered behind the gate.
    pub const WHOLE: [Self; 15] = [
        Self::Member,
        Self::Member,
        Self::NewToken,
        Self::StrictToken,
        Self::Write,
        Self::Admin,
        Self::ApiKey,
        Self::Public,
        Self::Guest,
        Self::Visitor,
        Self::SelfVerified,
        Self::MadeUpKey,
        Self::StrangePage,
        Self::UnknownKey,
        Self::KeyOnAdminRoute,
    ];

    /// Those that the gate answers by itself, whatever is away.
    pub const EDGE: [Self; 14] = [
        Self::VisitorElsewhere,
        Self::Forged,
        Self::Unsigned,
        Self::Expired,
        Self::Foreign,
        Self::NoAdministrator,
        Self::AdminUnsaid,
        Self::UnknownAccount,
        Self::Suspended,
        Self::Reserved,
        Self::NoToken,
        Self::NoAccount,
        Self::Ambiguous,
        Self::Closed,
    ];

    /// The right answer: its status, and its code where it is a refusal.
    pub fn right(self) -> &'static str {
        match self {
            Self::Member
            | Self::NewToken
            | Self::StrictToken
            | Self::Admin
            | Self::ApiKey
            | Self::Public
            | Self::Guest
            | Self::Visitor
            | Self::SelfVerified => "200",
            Self::Write => "201",
            Self::Revoked | Self::MadeUpKey => "401 key_inactive",
            Self::UnknownKey => "401 token_key",
            Self::StrangePage => "403 origin_not_allowed",
            Self::VisitorElsewhere | Self::KeyOnAdminRoute => "403 credential_not_allowed",
            Self::Forged => "401 token_signature",
            Self::Unsigned => "401 token_algorithm",
            Self::Expired => "401 token_expired",
            Self::Foreign => "403 account_forbidden",
            Self::NoAdministrator | Self::AdminUnsaid => "403 admin_required",
            Self::UnknownAccount => "400 account_unknown",
            Self::Suspended => "403 account_suspended",
            Self::Reserved => "403 account_reserved",
            Self::NoToken => "401 token_missing",
            Self::NoAccount => "400 account_missing",
            Self::Ambiguous => "400 path_ambiguous",
            Self::Closed => "429 cap_exceeded",
        }
    }

    /// Whether the answer is right only where this part is well.
    pub fn needs(self, part: Part) -> bool {
        match part {
            Part::Issuer => matches!(
                self,
                Self::StrictToken | Self::SelfVerified | Self::UnknownKey
            ),
            Part::Upstream => self.is_answered_behind() || self.is_looked_up(),
            Part::Postgres => {
                self.is_looked_up() || self.is_answered_behind() && self != Self::SelfVerified
            }
            Part::Gate => true,
        }
    }

    /// Whether this may be the answer because the part is disturbed.
    fn excuses(self, part: Part, outcome: &str) -> bool {
        if !self.needs(part) {
            return false;
        }
        match part {
            Part::Issuer => outcome == KEYS,
            Part::Upstream => {
                let unanswered = [UNREACHABLE, BROKEN].contains(&outcome);
                let late = DATABASE.contains(&outcome) && self.needs(Part::Postgres)
                    || outcome == LATE && matches!(self, Self::Guest | Self::SelfVerified)
                    || outcome == KEYS && self == Self::SelfVerified;
                self.is_answered_behind() && (unanswered || late)
                    || self.is_looked_up() && outcome == INTROSPECTION
            }
            Part::Postgres => {
                self.is_answered_behind() && DATABASE.contains(&outcome)
                    || self.is_looked_up() && outcome == INTROSPECTION
            }
            // A connection that nothing happens on ends when the old listener does, and a request may meet that.
            Part::Gate => outcome == BROKEN,
        }
    }

    /// Whether the gate lets it through.
    fn is_answered_behind(self) -> bool {
        matches!(
            self,
            Self::Member
                | Self::NewToken
                | Self::StrictToken
                | Self::Write
                | Self::Admin
                | Self::ApiKey
                | Self::Public
                | Self::Guest
                | Self::Visitor
                | Self::SelfVerified
                | Self::StrangePage
        )
    }

    /// Whether the gate asks about its key.
    fn is_looked_up(self) -> bool {
        matches!(
            self,
            Self::ApiKey | Self::Revoked | Self::MadeUpKey | Self::KeyOnAdminRoute
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Part; 4] = [Part::Issuer, Part::Postgres, Part::Upstream, Part::Gate];

    fn kinds() -> impl Iterator<Item = Kind> {
        let kinds = Kind::WHOLE.into_iter().chain(Kind::EDGE);
        kinds.chain([Kind::Revoked])
    }

    #[test]
    fn whatever_is_away_nobody_passes_who_may_not() {
        for kind in kinds().filter(|kind| !kind.right().starts_with('2')) {
            for passed in ["200", "201", "204", "302", "404 agent_not_found"] {
                assert_eq!(
                    judge(kind, passed, &ALL),
                    Verdict::Wrong,
                    "{kind:?} {passed}"
                );
            }
        }
    }

    #[test]
    fn nothing_excuses_a_request_that_hangs() {
        for kind in kinds() {
            assert_eq!(judge(kind, UNANSWERED, &ALL), Verdict::Wrong, "{kind:?}");
        }
    }

    #[test]
    fn where_all_is_well_there_is_one_answer() {
        for kind in kinds() {
            assert_eq!(judge(kind, kind.right(), &[]), Verdict::Right);
            let others = kinds()
                .map(Kind::right)
                .filter(|other| *other != kind.right());
            for other in others
                .chain(DATABASE)
                .chain([INTROSPECTION, KEYS, BROKEN, "503", "500"])
            {
                assert_eq!(judge(kind, other, &[]), Verdict::Wrong, "{kind:?} {other}");
            }
        }
    }

    #[test]
    fn only_what_is_needed_excuses_and_only_by_its_own_code() {
        use Part::{Gate, Issuer, Postgres, Upstream};
        for (kind, outcome, part, verdict) in [
            (Kind::Member, "503", Upstream, Verdict::Excused(Upstream)),
            (Kind::Member, "503", Postgres, Verdict::Wrong),
            (
                Kind::Member,
                "503 database_busy",
                Postgres,
                Verdict::Excused(Postgres),
            ),
            (
                Kind::Guest,
                "503 database_busy",
                Upstream,
                Verdict::Excused(Upstream),
            ),
            (
                Kind::Guest,
                "503 verification_busy",
                Postgres,
                Verdict::Wrong,
            ),
            (
                Kind::Member,
                "503 verification_busy",
                Upstream,
                Verdict::Wrong,
            ),
            (
                Kind::SelfVerified,
                "503 database_busy",
                Upstream,
                Verdict::Wrong,
            ),
            (Kind::Member, KEYS, Issuer, Verdict::Wrong),
            (Kind::NewToken, KEYS, Issuer, Verdict::Wrong),
            (Kind::NewToken, "401 token_key", Issuer, Verdict::Wrong),
            (Kind::StrictToken, KEYS, Issuer, Verdict::Excused(Issuer)),
            (Kind::StrictToken, KEYS, Upstream, Verdict::Wrong),
            (
                Kind::ApiKey,
                INTROSPECTION,
                Postgres,
                Verdict::Excused(Postgres),
            ),
            (Kind::ApiKey, "401 key_inactive", Postgres, Verdict::Wrong),
            (Kind::ApiKey, INTROSPECTION, Issuer, Verdict::Wrong),
            (
                Kind::MadeUpKey,
                INTROSPECTION,
                Upstream,
                Verdict::Excused(Upstream),
            ),
            (Kind::MadeUpKey, "503", Upstream, Verdict::Wrong),
            (Kind::UnknownKey, KEYS, Issuer, Verdict::Excused(Issuer)),
            (Kind::Forged, "503", Upstream, Verdict::Wrong),
            (Kind::Forged, "503 not_ready", Gate, Verdict::Wrong),
            (Kind::Forged, BROKEN, Gate, Verdict::Excused(Gate)),
            (Kind::Member, "500 internal", Postgres, Verdict::Wrong),
            (
                Kind::Member,
                "400 account_unknown",
                Postgres,
                Verdict::Wrong,
            ),
            (Kind::Write, "200", Postgres, Verdict::Wrong),
            (Kind::Member, "429 cap_exceeded", Gate, Verdict::Wrong),
            (Kind::Closed, "200", Gate, Verdict::Wrong),
        ] {
            assert_eq!(
                judge(kind, outcome, &[part]),
                verdict,
                "{kind:?} {outcome} {part:?}"
            );
        }
    }
}
