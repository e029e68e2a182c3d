//! Of whom the gate asks: issuers, the directory, the introspection endpoint, and the clusters that reach them.

use std::net::IpAddr;

use super::{Warning, tls};
use crate::carrier::gate::{Carrier, Gate};
use crate::carrier::place::Place;
use crate::check::finding::Finding;

/// Ends of names that are nobody's on the Internet (RFC 6761, RFC 6762, RFC 8375, ICANN's `.internal`; Kubernetes).
const PRIVATE_NAMES: [&str; 7] = [
    ".internal",
    ".local",
    ".localhost",
    ".svc",
    ".home.arpa",
    ".lan",
    ".test",
];

/// Somebody whom the gate asks.
struct Remote<'a> {
    cluster: Place<'a>,
    /// The URI, or what stands for it.
    uri: Option<Place<'a>>,
}

pub(super) fn warnings(gate: &Gate<'_>, configuration: &Place<'_>, found: &mut Vec<Finding>) {
    let remotes = remotes(configuration);
    for uri in remotes.iter().filter_map(|remote| remote.uri.as_ref()) {
        let host = uri
            .text()
            .and_then(|uri| uri.strip_prefix("http://"))
            .map(host);
        if let Some(host) = host.filter(|host| !is_private(host)) {
            let message = format!(
                "{host} is asked without TLS, and who answers for it makes keys good; write https://, and give the cluster a TLS transport socket"
            );
            found.push(Finding::warning(Warning::PlainHttp, uri, message));
        }
    }
    if gate.carrier != Carrier::Envoy {
        return;
    }
    let Some(resources) = gate.document.get("static_resources") else {
        let message =
            "not a whole bootstrap: clusters, and the admin interface, were not looked at";
        found.push(Finding::note(&gate.document, message));
        return;
    };
    let clusters = resources.each("clusters");
    let elsewhere = [
        "dynamic_resources.cds_config",
        "dynamic_resources.ads_config",
    ]
    .into_iter()
    .find_map(|name| gate.document.get(name));
    let mut told = false;
    for remote in &remotes {
        let Some(name) = remote.cluster.text() else {
            continue;
        };
        match (
            clusters
                .iter()
                .find(|cluster| cluster.text_of("name") == Some(name)),
            &elsewhere,
        ) {
            (Some(cluster), _) => transport(remote, cluster, found),
            (None, Some(elsewhere)) if !told => {
                told = true;
                let message = format!(
                    "clusters come from elsewhere too: whether {name:?} is there was not looked at"
                );
                found.push(Finding::note(elsewhere, message));
            }
            (None, Some(_)) => {}
            (None, None) => {
                let names: Vec<_> = clusters
                    .iter()
                    .filter_map(|cluster| cluster.text_of("name"))
                    .collect();
                let message = format!(
                    "no cluster {name:?} in static_resources.clusters; add it, or write one of {}",
                    names.join(", ")
                );
                found.push(Finding::warning(
                    Warning::UnknownCluster,
                    &remote.cluster,
                    message,
                ));
            }
        }
    }
}

/// Whether the way to whom is asked by `https` has TLS, with the certificate checked.
fn transport(remote: &Remote<'_>, cluster: &Place<'_>, found: &mut Vec<Finding>) {
    let Some(uri) = remote.uri.as_ref() else {
        return;
    };
    if !uri.text().is_some_and(|uri| uri.starts_with("https://")) {
        return;
    }
    for socket in tls::sockets(cluster) {
        let socket = socket.map(tls::innermost);
        let Some(socket) = socket.filter(tls::is_tls) else {
            let name = cluster.text_of("name").unwrap_or_default();
            let message = format!(
                "https, and the cluster {name:?} has no TLS, or not for all: Envoy would speak plain text; give it a transport_socket with UpstreamTlsContext"
            );
            found.push(Finding::warning(Warning::HttpsWithoutTls, uri, message));
            return;
        };
        if let Some(lack) = tls::lack(cluster, &socket) {
            found.push(Finding::warning(Warning::TlsUnverified, &socket, lack));
        }
    }
}

fn remotes<'a>(configuration: &Place<'a>) -> Vec<Remote<'a>> {
    let mut all = Vec::new();
    for issuer in configuration.each("issuers") {
        let cluster = issuer.get("jwks.cluster");
        let Some(cluster) = cluster.filter(|cluster| !cluster.is_null()) else {
            continue;
        };
        let discovers = issuer
            .get("jwks.discovery")
            .is_some_and(|flag| flag.is_true());
        let uri = if discovers {
            issuer.get("issuer")
        } else {
            issuer.get("jwks.uri")
        };
        all.push(Remote { cluster, uri });
    }
    for place in ["api_keys.introspection", "accounts.directory"] {
        let Some(remote) = configuration.get(place) else {
            continue;
        };
        if let Some(cluster) = remote.get("cluster") {
            all.push(Remote {
                cluster,
                uri: remote.get("uri"),
            });
        }
    }
    all
}

/// The host of what stands behind the scheme.
fn host(rest: &str) -> &str {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    }
}

pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn is_private(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            address.is_loopback() || address.is_private() || address.is_link_local()
        }
        Ok(IpAddr::V6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Err(_) => {
            let name = host.trim_end_matches('.').to_ascii_lowercase();
            !name.contains('.') || PRIVATE_NAMES.iter().any(|end| name.ends_with(end))
        }
    }
}
