//! Of a cluster that is asked by `https`: whether Envoy knows whom it speaks to.

use crate::carrier::place::Place;

const NO_CONTEXT: &str = "certificates are not checked: whoever answers is believed; write common_tls_context.validation_context with trusted_ca and match_typed_subject_alt_names";
const UNTRUSTED: &str =
    "ACCEPT_UNTRUSTED: whoever answers is believed; remove trust_chain_verification";
const NO_CA: &str = "validation_context has no trusted_ca, so that certificates are not checked: whoever answers is believed; write trusted_ca";
const NO_NAME: &str = "the name in the certificate is not checked: whoever has any from these authorities is believed; write match_typed_subject_alt_names, or auto_sni_san_validation: true";

/// The transport sockets that the cluster may use (`transport_socket_matches` before `transport_socket`); none in it is plain
/// text.
pub(super) fn sockets<'a>(cluster: &Place<'a>) -> Vec<Option<Place<'a>>> {
    let matches = cluster.each("transport_socket_matches");
    let of_match = |one: &Place<'a>| one.get("transport_socket");
    let mut sockets: Vec<_> = matches.iter().map(of_match).collect();
    // One without conditions takes every endpoint.
    let takes_all = |one: &Place<'_>| {
        let conditions = one.get("match");
        conditions.is_none_or(|conditions| conditions.node.members().is_empty())
    };
    if !matches.iter().any(takes_all) {
        sockets.push(cluster.get("transport_socket"));
    }
    sockets
}

/// The socket that another wraps, as for the PROXY protocol; QUIC has its TLS within.
pub(super) fn innermost(socket: Place<'_>) -> Place<'_> {
    match socket.get("typed_config.transport_socket") {
        Some(within) => innermost(within),
        None => socket,
    }
}

/// Whether it is TLS.
pub(super) fn is_tls(socket: &Place<'_>) -> bool {
    let kind = socket.text_of("typed_config.@type").unwrap_or_default();
    kind.ends_with(".UpstreamTlsContext") || kind.ends_with(".QuicUpstreamTransport")
}

/// What lets a stranger answer for the cluster, and what to write; none where nothing does, or where it comes by SDS.
pub(super) fn lack(cluster: &Place<'_>, socket: &Place<'_>) -> Option<&'static str> {
    let within = "typed_config.upstream_tls_context";
    let tls = socket.get(within).or_else(|| socket.get("typed_config"))?;
    let common = tls.get("common_tls_context");
    let of_common = |name: &str| common.as_ref().and_then(|common| common.get(name));
    let combined = of_common("combined_validation_context");
    let by_sds = |at: &Place<'_>| at.get("validation_context_sds_secret_config").is_some();
    let by_itself = of_common("validation_context");
    if by_itself.is_none() && combined.is_none() {
        let is_sds = common.as_ref().is_some_and(by_sds);
        return (!is_sds).then_some(NO_CONTEXT);
    }
    let default = combined
        .as_ref()
        .and_then(|combined| combined.get("default_validation_context"));
    let context = by_itself.or(default);
    let has = |names: &[&str]| {
        let there = |name: &&str| context.as_ref().and_then(|context| context.get(name));
        names.iter().find_map(there).is_some_and(|at| is_set(&at))
    };
    let chain = context
        .as_ref()
        .and_then(|context| context.text_of("trust_chain_verification"));
    if matches!(chain, Some("ACCEPT_UNTRUSTED" | "1")) {
        return Some(UNTRUSTED);
    }
    // A certificate that is named by its hash needs nothing else; another validator has its own rules.
    if has(&["verify_certificate_spki"])
        || has(&["verify_certificate_hash"])
        || has(&["custom_validator_config"])
    {
        return None;
    }
    // `system_root_certs: {}` is all that it takes.
    let has_system = context
        .as_ref()
        .and_then(|context| context.get("system_root_certs"))
        .is_some_and(|at| !at.is_null());
    let has_ca = has(&["trusted_ca"])
        || has(&["ca_certificate_provider_instance"])
        || has_system
        || combined.as_ref().is_some_and(by_sds);
    if !has_ca {
        return Some(NO_CA);
    }
    let mut has_name = has(&["match_typed_subject_alt_names"])
        || has(&["match_subject_alt_names"])
        || tls
            .get("auto_sni_san_validation")
            .is_some_and(|at| at.is_true());
    cluster.walk(&mut |at| {
        has_name |= at
            .get("auto_san_validation")
            .is_some_and(|auto| auto.is_true());
    });
    (!has_name).then_some(NO_NAME)
}

/// Whether something is written there: a list or an object with something in it.
fn is_set(at: &Place<'_>) -> bool {
    !at.node.items().is_empty() || !at.node.members().is_empty()
}
