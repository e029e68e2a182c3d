//! What is taken, and dangerous.

mod envoy;
mod overrides;
mod policy;
mod remotes;
mod routes;
mod tls;

pub use self::overrides::Elsewhere;
use super::finding::Finding;
use crate::carrier::gate::Gate;
use crate::carrier::place::Place;

macro_rules! warnings {
    ($($(#[doc = $what:literal])+ $variant:ident = $name:literal;)+) => {
        /// A kind of warning. Its name stays the same from version to version.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Warning {
            $($(#[doc = $what])+ $variant,)+
        }

        impl Warning {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// When it is given, and why.
            pub fn what(self) -> String {
                let lines: &[&str] = match self {
                    $(Self::$variant => &[$($what,)+],)+
                };
                lines.concat().trim().to_owned()
            }
        }
    };
}

warnings! {
    /// `membership: any`: whoever has a token may act for every account
    MembershipAny = "membership-any";
    /// A public pattern stands before an admin one and takes requests of it. One for fewer paths, all of whose requests are
    /// the admin one's, is an exception that was meant, and no reason to warn; one for the same paths and fewer methods is
    PublicBeforeAdmin = "public-before-admin";
    /// The same of a protected pattern before an admin one: every member has what was for administrators
    ProtectedBeforeAdmin = "protected-before-admin";
    /// A public pattern for all paths: whatever no pattern before it names passes without a credential
    PublicForAll = "public-for-all";
    /// Earlier routes take every request of this one, under every mount
    RouteNeverMatches = "route-never-matches";
    /// The same is in a list twice
    Duplicate = "duplicate";
    /// Without `assertion` the upstream has to believe bare headers
    NoAssertion = "no-assertion";
    /// Without `caps`, or without a limit in any, nothing bounds what an account may use
    NoCaps = "no-caps";
    /// `mode: report` lets pass what is to be refused
    ModeReport = "mode-report";
    /// `forward_authorization: true` for all routes: the upstream gets every client's token or key
    ForwardsAuthorization = "forwards-authorization";
    /// A `uri`, or the issuer for `discovery`, is `http` and its host neither loopback nor a private address or name
    /// (`.internal`, `.local`, `.svc`, a name without dots, …): who answers for it makes keys good
    PlainHttp = "plain-http";
    /// A variable of `key_env` or `authorization_env` is not among those that the filter sees
    VariableNotSeen = "variable-not-seen";
    /// A secret's value is in the file, and so in Envoy's `/config_dump`; name the variable in `host_env_keys` instead
    SecretInFile = "secret-in-file";
    /// `failure_policy: FAIL_OPEN`, `fail_open: true`, Istio's `failStrategy: FAIL_OPEN`, Envoy Gateway's `failOpen: true`:
    /// when the module fails, requests pass unseen
    FailOpen = "fail-open";
    /// In Envoy, another `failure_policy` than `FAIL_RELOAD`: a worker whose module has failed refuses everything until
    /// Envoy starts again
    NoFailReload = "no-fail-reload";
    /// In Envoy, no `vm_id`: whatever else has none shares the counts and keys
    NoVmId = "no-vm-id";
    /// In Envoy, another Wasm filter, access log or service has the gate's `vm_id`, and can so write its counts and keys
    SharedVmId = "shared-vm-id";
    /// Another filter than Envoy's CORS stands before the gate, which so judges what that made of a request; in Istio, another
    /// `phase` than `AUTHN`
    FilterBefore = "filter-before";
    /// `disabled: true` for the gate, in the list of filters or on a route, here, in another file or by a patch; or a matcher
    /// that decides where it runs
    GateDisabled = "gate-disabled";
    /// `normalize_path`, `merge_slashes` or `path_with_escaped_slashes_action` tidy a path, or refuse it, before the gate sees it. Gate,
    /// router and upstream then have the same path; but what the gate would have refused as `path_ambiguous` passes, and
    /// nobody sees the attempt. Off, which is the default, is what the gate wants
    PathTidied = "path-tidied";
    /// The bootstrap has no cluster of this name, and gets none from elsewhere (CDS)
    UnknownCluster = "unknown-cluster";
    /// A `uri` is `https` and its cluster has no transport socket with TLS: Envoy would speak plain text
    HttpsWithoutTls = "https-without-tls";
    /// A cluster that the gate asks by `https` does not check certificates, or not whose they are: `validation_context` needs
    /// `trusted_ca` and `match_typed_subject_alt_names`, or what does the same
    TlsUnverified = "tls-unverified";
    /// Envoy's admin interface is not on loopback: it stops Envoy and shows its configuration
    AdminOpen = "admin-open";
}

/// All that a document gives reason for, with the gates in it.
pub fn of_document(
    document: &Place<'_>,
    gates: &[Gate<'_>],
    elsewhere: &Elsewhere<'_>,
) -> Vec<Finding> {
    let mut found = elsewhere.warnings(document);
    found.extend(envoy::shared_memory(document, gates));
    found
}

/// All that a gate gives reason for.
pub fn of(gate: &Gate<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let configuration = gate.configuration.as_ref();
    if let Some(configuration) = configuration.filter(|own| !own.node.members().is_empty()) {
        policy::warnings(gate, configuration, &mut found);
        routes::warnings(configuration, &mut found);
        remotes::warnings(gate, configuration, &mut found);
    }
    envoy::warnings(gate, &mut found);
    found
}
