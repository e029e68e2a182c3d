//! Each warning: when there is one, and when none.

use super::{changed, lines, names};
use crate::check::warnings::Warning;
use crate::config::REFERENCE;

/// Of each warning: what in the reference becomes what. The reference itself is the case without.
const CASES: &[(Warning, &str, &str)] = &[
    // The same paths and fewer methods are no exception.
    (
        Warning::PublicBeforeAdmin,
        "- {match: \"* /api/admin/**\", access: admin}",
        "- {match: \"GET /api/admin/**\", access: public}\n                    - {match: \"* /api/admin/**\", access: admin}",
    ),
    (
        Warning::ProtectedBeforeAdmin,
        "- {match: \"* /api/admin/**\", access: admin}",
        "- {match: \"GET /api/**\", access: protected}\n                    - {match: \"* /api/admin/**\", access: admin}",
    ),
    (
        Warning::FailOpen,
        "failure_policy: FAIL_RELOAD",
        "failure_policy: 3",
    ),
    (
        Warning::NoFailReload,
        "failure_policy: FAIL_RELOAD",
        "failure_policy: 2",
    ),
    (
        Warning::SharedVmId,
        "        use_remote_address: true\n",
        "        use_remote_address: true\n          x: [{name: log, typed_config: {config: {vm_config: {vm_id: tollgate-edge}}}}]\n",
    ),
    (
        Warning::PathTidied,
        "action: KEEP_UNCHANGED",
        "action: REJECT_REQUEST",
    ),
    (
        Warning::HttpsWithoutTls,
        "transport_sockets.tls.v3.UpstreamTlsContext",
        "transport_sockets.raw_buffer.v3.RawBuffer",
    ),
    (
        Warning::TlsUnverified,
        "          validation_context:\n",
        "          validation_context: {}\n          x:\n",
    ),
    (
        Warning::TlsUnverified,
        "            trusted_ca:",
        "            trust_chain_verification: ACCEPT_UNTRUSTED\n            trusted_ca:",
    ),
    (
        Warning::TlsUnverified,
        "            trusted_ca:",
        "            x:",
    ),
    (
        Warning::TlsUnverified,
        "            match_typed_subject_alt_names:",
        "            x:",
    ),
    (
        Warning::MembershipAny,
        "membership: {claim: [account], shape: string}",
        "membership: any",
    ),
    (
        Warning::PublicBeforeAdmin,
        "- {match: \"GET /api/v1/widget/config\", access: public}",
        "- {match: \"GET /api/{x}/config\", access: public}",
    ),
    (
        Warning::RouteNeverMatches,
        "- {match: \"GET /api/v1/widget/config\", access: public}",
        "- {match: \"GET /hub-api/%61pi/accounts\", access: public}\n                    - {match: \"GET /hub-api/api/accounts\", access: public}",
    ),
    (
        Warning::Duplicate,
        "audiences: [api]",
        "audiences: [api, api]",
    ),
    (
        Warning::Duplicate,
        "mounts: [\"\", \"/hub-api\"]",
        "mounts: [\"\", \"\"]",
    ),
    (
        Warning::NoAssertion,
        "assertion:\n                      key_env: TOLLGATE_ASSERTION_KEY\n                      audience: upstream\n                      ttl: 60s",
        "assertion: null",
    ),
    (Warning::ModeReport, "mode: enforce", "mode: report"),
    (
        Warning::ForwardsAuthorization,
        "forward_authorization: false            #",
        "forward_authorization: true            #",
    ),
    (
        Warning::PlainHttp,
        "uri: http://accounts.internal/internal/introspect",
        "uri: http://accounts.example.com/internal/introspect",
    ),
    (
        Warning::VariableNotSeen,
        "[TOLLGATE_ASSERTION_KEY, TOLLGATE_INTROSPECTION_TOKEN]",
        "[TOLLGATE_ASSERTION, TOLLGATE_INTROSPECTION_TOKEN]",
    ),
    (
        Warning::SecretInFile,
        "host_env_keys: [TOLLGATE_ASSERTION_KEY, TOLLGATE_INTROSPECTION_TOKEN]",
        "host_env_keys: [TOLLGATE_INTROSPECTION_TOKEN]\n                    key_values: {TOLLGATE_ASSERTION_KEY: 0123456789}",
    ),
    (
        Warning::FailOpen,
        "failure_policy: FAIL_RELOAD",
        "failure_policy: FAIL_OPEN",
    ),
    (
        Warning::FailOpen,
        "failure_policy: FAIL_RELOAD",
        "fail_open: true",
    ),
    (
        Warning::FailOpen,
        "failure_policy: FAIL_RELOAD",
        "failOpen: true",
    ),
    (
        Warning::NoFailReload,
        "failure_policy: FAIL_RELOAD",
        "failure_policy: FAIL_CLOSED",
    ),
    (Warning::NoFailReload, "failure_policy: FAIL_RELOAD", ""),
    (Warning::NoVmId, "vm_id: tollgate-edge", ""),
    (Warning::NoVmId, "vm_id: tollgate-edge", "vm_id: \"\""),
    (
        Warning::SharedVmId,
        "          - name: envoy.filters.http.router\n",
        concat!(
            "          - name: other\n            typed_config:\n",
            "              \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n",
            "              config: {vm_config: {vm_id: tollgate-edge}}\n",
            "          - name: envoy.filters.http.router\n"
        ),
    ),
    (
        Warning::FilterBefore,
        "          - name: envoy.filters.http.cors\n            typed_config:\n              \"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors",
        "          - name: lua\n            typed_config:\n              \"@type\": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
    ),
    (
        Warning::GateDisabled,
        "          - name: tollgate\n",
        "          - name: tollgate\n            disabled: true\n",
    ),
    (
        Warning::GateDisabled,
        "route: {cluster: upstream, timeout: 0s, idle_timeout: 3600s}",
        "route: {cluster: upstream}\n                typed_per_filter_config: {tollgate: {disabled: true}}",
    ),
    (
        Warning::PathTidied,
        "normalize_path: false",
        "normalize_path: true",
    ),
    (
        Warning::PathTidied,
        "merge_slashes: false",
        "mergeSlashes: true",
    ),
    (
        Warning::PathTidied,
        "action: KEEP_UNCHANGED",
        "action: UNESCAPE_AND_FORWARD",
    ),
    (
        Warning::UnknownCluster,
        "cluster: zitadel                    #",
        "cluster: zitadl                    #",
    ),
    (
        Warning::HttpsWithoutTls,
        "cluster: accounts\n                        uri: http://accounts.internal/internal/introspect",
        "cluster: accounts\n                        uri: https://accounts.internal/internal/introspect",
    ),
    (
        Warning::TlsUnverified,
        "          validation_context:\n",
        "          alpn_protocols: [h2]\n          x:\n",
    ),
    // Envoy takes a flag in quotes, and with its tag; and a number in any spelling.
    (
        Warning::GateDisabled,
        "          - name: tollgate\n",
        "          - name: tollgate\n            disabled: 'true'\n",
    ),
    (
        Warning::GateDisabled,
        "          - name: tollgate\n",
        "          - name: tollgate\n            disabled: !!bool true\n",
    ),
    (
        Warning::FailOpen,
        "failure_policy: FAIL_RELOAD",
        "failure_policy: 0x3",
    ),
    (
        Warning::GateDisabled,
        "route: {cluster: upstream, timeout: 0s, idle_timeout: 3600s}",
        "route: {cluster: upstream}\n                typed_per_filter_config: {tollgate: {type_url: FilterConfig, value: {disabled: true}}}",
    ),
    // The type tells what a filter is, and not its name.
    (
        Warning::FilterBefore,
        "\"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors",
        "\"@type\": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
    ),
    // Whatever stands before the one TLS socket.
    (
        Warning::HttpsWithoutTls,
        "    transport_socket:\n",
        "    transport_socket_matches: [{name: a, match: {plain: true}}]\n    transport_socket:\n",
    ),
    (
        Warning::HttpsWithoutTls,
        "    transport_socket:\n",
        "    transport_socket_matches: []\n    x:\n",
    ),
    (
        Warning::PublicForAll,
        "- {match: \"* /api/admin/**\", access: admin}",
        "- {match: \"* /api/admin/**\", access: admin}\n                    - {match: \"* /**\", access: public}",
    ),
    (
        Warning::AdminOpen,
        "address: 127.0.0.1, port_value: 9901",
        "address: 0.0.0.0, port_value: 9901",
    ),
];

#[test]
fn each_warning_has_its_reason() {
    for (warning, from, to) in CASES {
        assert_eq!(
            names(&changed(from, to)),
            [warning.name()],
            "{from} -> {to}"
        );
    }
    let rejected = lines(&changed("action: KEEP_UNCHANGED", "action: REJECT_REQUEST"));
    assert!(
        rejected[0].contains("Envoy refuses escaped slashes"),
        "{rejected:?}"
    );
    let caps = REFERENCE.find("caps:\n").unwrap()..REFERENCE.find("shared_counts:").unwrap();
    let mut without = REFERENCE.to_owned();
    without.replace_range(caps, "");
    assert_eq!(names(&without), [Warning::NoCaps.name()]);
    let unbound = without.replace(
        "mode: enforce",
        "caps: [{name: a, limits: {}}]\n                  mode: enforce",
    );
    assert_ne!(unbound, without);
    assert_eq!(names(&unbound), [Warning::NoCaps.name()]);
    for warning in Warning::ALL
        .iter()
        .filter(|warning| **warning != Warning::NoCaps)
    {
        assert!(
            CASES.iter().any(|(named, ..)| named == warning),
            "{warning:?}"
        );
    }
}

/// What looks like a reason and is none.
#[test]
fn no_warning_without_a_reason() {
    for (from, to) in [
        // An exception within what administrators have.
        (
            "- {match: \"GET /api/v1/widget/config\", access: public}",
            "- {match: \"GET /api/admin/health\", access: public}",
        ),
        (
            "- {match: \"GET /api/v1/widget/config\", access: public}",
            "- {match: \"GET /api/admin/health\", access: protected}",
        ),
        ("failure_policy: FAIL_RELOAD", "failure_policy: 1"),
        (
            "            trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}",
            "            system_root_certs: {}",
        ),
        (
            "        common_tls_context:\n          validation_context:\n            trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}\n            match_typed_subject_alt_names:",
            "        auto_sni_san_validation: true\n        common_tls_context:\n          validation_context:\n            trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}\n            x:",
        ),
        // Another method, and another length.
        (
            "- {match: \"* /api/admin/**\", access: admin}",
            "- {match: \"POST /api/accounts\", access: admin}\n                    - {match: \"GET /api/accounts/{x}/y/z\", access: admin}",
        ),
        (
            "uri: http://accounts.internal/internal/introspect",
            "uri: http://127.0.0.1:8081/x",
        ),
        (
            "uri: http://accounts.internal/internal/introspect",
            "uri: http://[fd00::1]/x",
        ),
        (
            "uri: http://accounts.internal/internal/introspect",
            "uri: http://accounts.default.svc.cluster.local/x",
        ),
        (
            "action: KEEP_UNCHANGED",
            "action: IMPLEMENTATION_SPECIFIC_DEFAULT",
        ),
        ("normalize_path: false", ""),
        (
            "address: 127.0.0.1, port_value: 9901",
            "address: \"::1\", port_value: 9901",
        ),
        ("forward_authorization: false            #", "#"),
        ("failure_policy: FAIL_RELOAD", "failurePolicy: FAIL_RELOAD"),
        (
            "          - name: envoy.filters.http.router\n",
            "          - name: lua\n            typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua}\n          - name: envoy.filters.http.router\n",
        ),
    ] {
        assert_eq!(
            lines(&changed(from, to)),
            Vec::<String>::new(),
            "{from} -> {to}"
        );
    }
}

/// `null` is no name: that there is none is said as an error alone.
#[test]
fn no_cluster_is_not_an_unknown_one() {
    let text = changed("cluster: zitadel                    #", "cluster: null #");
    assert!(!names(&text).contains(&Warning::UnknownCluster.name()));
}

#[test]
fn clusters_from_elsewhere_are_not_missed() {
    let text = changed(
        "cluster: zitadel                    #",
        "cluster: other                    #",
    );
    let text = format!(
        "dynamic_resources: {{cds_config: {{path_config_source: {{path: cds.yaml}}}}}}\n{text}"
    );
    assert_eq!(names(&text), ["note"]);
    let listener = REFERENCE
        .split("  listeners:\n")
        .nth(1)
        .unwrap()
        .split("\n  clusters:")
        .next()
        .unwrap();
    assert_eq!(names(&format!("resources:\n{listener}")), ["note"]);
}
