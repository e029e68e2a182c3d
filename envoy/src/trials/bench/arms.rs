//! What is compared: one Envoy each, alike but for its filters and what it is sent.

use super::native::Rules;
use super::requests::{Probe, Sends};
use Sends::{ApiKeys, Expired, KnownTokens, Malformed, NewTokens, Public, Reserved};

/// The arm that the others are held against.
pub(super) const BASELINE: &str = "none";

/// The arm that those are held against whose connection ends with each answer.
pub(super) const CLOSING: &str = "none closing";

/// The arms that all are compared with besides.
pub(super) const NO_OP: &str = "no-op";
pub(super) const NO_OP_ALL: &str = "no-op all callbacks";
pub(super) const NATIVE: &str = "native";
pub(super) const NATIVE_CACHED: &str = "native cached";

/// One Envoy of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arm {
    /// Its name in the table and in `--arms`.
    pub name: &'static str,
    /// The filters before the router.
    pub filter: Filter,
    /// What is sent.
    pub sends: Sends,
    /// Whether it is measured without being asked for.
    pub is_main: bool,
    /// Whether the connection ends with each answer.
    pub closes: bool,
}

/// A filter, or some, and their configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// No filter but the router.
    None,
    /// The smallest WebAssembly module.
    NoOp,
    /// A module that has every callback that the SDKs' modules have, and does nothing in them.
    NoOpAll,
    /// Envoy's own for the token alone.
    JwtAuthn {
        /// Whether it remembers verified tokens.
        cache: bool,
    },
    /// Envoy's own, for the whole job.
    Native {
        /// Whether it remembers verified tokens.
        cache: bool,
        /// Who decides on the account.
        rules: Rules,
    },
    /// Tollgate, as far as the token only.
    Token,
    /// Tollgate with an assertion.
    Gate(Counting),
}

/// What Tollgate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Nothing.
    Nothing,
    /// Requests a minute, with a limit that nobody comes near.
    Minute,
    /// In all four windows, with such limits.
    All {
        /// Whether answers say what is left, and access logs can say who asked: fields and filter state, as by default.
        told: bool,
    },
    /// In all four windows, with so many requests a day; with one, what is measured are the refusals after it.
    Few(u32),
}

/// With all caps, as they are by default.
const GATE: Filter = Filter::Gate(Counting::All { told: true });

/// The same, and nobody is told. (Envoy's own filters write fields of their own in the answers, and no filter state.)
const SILENT: Filter = Filter::Gate(Counting::All { told: false });

const RBAC: Rules = Rules::Rbac;

/// All arms.
#[rustfmt::skip]
pub const ARMS: [Arm; 24] = [
    Arm::new(BASELINE, Filter::None, NewTokens),
    Arm::new(CLOSING, Filter::None, NewTokens).closing(),
    Arm::new(NO_OP, Filter::NoOp, NewTokens),
    Arm::new(NO_OP_ALL, Filter::NoOpAll, NewTokens),
    Arm::new(NATIVE, Filter::Native { cache: false, rules: RBAC }, NewTokens),
    Arm::new(NATIVE_CACHED, Filter::Native { cache: true, rules: RBAC }, KnownTokens),
    Arm::new("native CEL cached", Filter::Native { cache: true, rules: Rules::Cel }, KnownTokens),
    Arm::new("lua", Filter::Native { cache: false, rules: Rules::Lua }, NewTokens),
    Arm::new("tollgate public", GATE, Public),
    Arm::new("tollgate cached token", GATE, KnownTokens),
    Arm::new("tollgate cached token silent", SILENT, KnownTokens),
    Arm::new("tollgate new token", GATE, NewTokens),
    Arm::new("tollgate refused 400", GATE, Malformed).closing(),
    Arm::new("tollgate refused 401", GATE, Expired),
    Arm::new("tollgate refused 403", GATE, Reserved),
    Arm::new("tollgate 429", Filter::Gate(Counting::Few(1)), KnownTokens),
    Arm::new("tollgate API key cached", GATE, ApiKeys),
    Arm::new("jwt_authn", Filter::JwtAuthn { cache: false }, NewTokens).on_request(),
    Arm::new("jwt_authn cached", Filter::JwtAuthn { cache: true }, KnownTokens).on_request(),
    Arm::new("lua cached", Filter::Native { cache: true, rules: Rules::Lua }, KnownTokens).on_request(),
    Arm::new("tollgate token only new", Filter::Token, NewTokens).on_request(),
    Arm::new("tollgate token only cached", Filter::Token, KnownTokens).on_request(),
    Arm::new("tollgate one cap", Filter::Gate(Counting::Minute), KnownTokens).on_request(),
    Arm::new("tollgate caps off", Filter::Gate(Counting::Nothing), KnownTokens).on_request(),
];

// === impl Arm ===

impl Arm {
    /// An arm of its own.
    pub const fn new(name: &'static str, filter: Filter, sends: Sends) -> Self {
        Self {
            name,
            filter,
            sends,
            is_main: true,
            closes: false,
        }
    }

    /// With a connection for each request. Envoy ends an HTTP/1 connection by itself when it answers 400.
    const fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// Only measured when it is asked for: it explains another one.
    const fn on_request(mut self) -> Self {
        self.is_main = false;
        self
    }

    /// The arm that what it costs is held against.
    pub(super) fn baseline(self) -> &'static str {
        if self.closes { CLOSING } else { BASELINE }
    }

    /// What it is asked before it is measured, and how it must answer: the status, and for a refusal of Tollgate's its
    /// code. Without this an arm whose filters are not in place would win.
    pub(super) fn probes(self) -> Vec<(Probe, u16, &'static str)> {
        let refusals = match self.filter {
            Filter::None | Filter::NoOp | Filter::NoOpAll => [(200, ""); 6],
            Filter::JwtAuthn { .. } => [
                (401, ""),
                (401, ""),
                (200, ""),
                (200, ""),
                (200, ""),
                (401, ""),
            ],
            Filter::Native { rules, .. } => {
                let malformed = if rules == Rules::Lua { 400 } else { 403 };
                [
                    (401, ""),
                    (401, ""),
                    (malformed, ""),
                    (403, ""),
                    (403, ""),
                    (401, ""),
                ]
            }
            Filter::Token | Filter::Gate(_) => [
                (401, "token_signature"),
                (401, "token_missing"),
                (400, "account_invalid"),
                (403, "account_reserved"),
                (403, "account_forbidden"),
                (401, "token_expired"),
            ],
        };
        let kinds = [
            Probe::Forged,
            Probe::Missing,
            Probe::Malformed,
            Probe::Reserved,
            Probe::Foreign,
            Probe::Expired,
        ];
        let refusals = kinds.into_iter().zip(refusals);
        let refusals = refusals.map(|(probe, (status, code))| (probe, status, code));
        // A good request first, the only one where few may pass; what is measured last.
        let good = (Probe::Measured(Sends::KnownTokens), 200, "");
        let (status, code) = self.expected();
        let measured = (Probe::Measured(self.sends), status, code);
        [good]
            .into_iter()
            .chain(refusals)
            .chain([measured])
            .collect()
    }

    /// The status of the answers that are measured, and the code of a refusal.
    fn expected(self) -> (u16, &'static str) {
        match (self.filter, self.sends) {
            (Filter::Gate(Counting::Few(1)), _) => (429, "cap_exceeded"),
            (Filter::Gate(_), Sends::Malformed) => (400, "account_invalid"),
            (Filter::Gate(_), Sends::Expired) => (401, "token_expired"),
            (Filter::Gate(_), Sends::Reserved) => (403, "account_reserved"),
            _ => (200, ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_each_arms_own() {
        for (position, arm) in ARMS.iter().enumerate() {
            let first = ARMS.iter().position(|other| other.name == arm.name);
            assert_eq!(first, Some(position));
            assert!(!arm.name.contains(','), "`--arms` has commas between names");
        }
    }

    #[test]
    fn an_arm_that_is_measured_by_its_refusals_expects_them() {
        let refused = ARMS.iter().filter(|arm| arm.expected().0 != 200);
        let statuses: Vec<_> = refused.map(|arm| (arm.name, arm.expected().0)).collect();
        assert_eq!(
            statuses,
            [
                ("tollgate refused 400", 400),
                ("tollgate refused 401", 401),
                ("tollgate refused 403", 403),
                ("tollgate 429", 429),
            ]
        );
    }
}
