//! Of the filter's own configuration, but for its routes and whom it asks.

use std::collections::BTreeSet;

use super::Warning;
use crate::carrier::document::Node;
use crate::carrier::gate::Gate;
use crate::carrier::place::Place;
use crate::check::finding::Finding;

/// Lists of texts in which one is enough.
const LISTS: [&str; 5] = [
    "audiences",
    "authorized_parties",
    "algorithms",
    "reserved",
    "filter_state",
];

pub(super) fn warnings(gate: &Gate<'_>, configuration: &Place<'_>, found: &mut Vec<Finding>) {
    let mut warn = |warning, at: &Place<'_>, message: &str| {
        found.push(Finding::warning(warning, at, message));
    };
    configuration.walk(&mut |at| {
        if at.path.ends_with(".membership") && at.text() == Some("any") {
            warn(
                Warning::MembershipAny,
                at,
                "whoever has a token may act for every account; write the claim that names them, such as {claim: [\"accounts\"], shape: list}",
            );
        }
        let name = at.path.rsplit('.').next().unwrap_or_default();
        if LISTS.contains(&name) || name == "mounts" {
            let mut seen = BTreeSet::new();
            for item in at.items() {
                if item.text().is_some_and(|text| !seen.insert(text)) {
                    let message = format!("{:?} is in the list already; remove it", item.text().unwrap_or_default());
                    warn(Warning::Duplicate, &item, &message);
                }
            }
        }
    });
    if is_nothing(configuration, "assertion") {
        warn(
            Warning::NoAssertion,
            configuration,
            "no assertion: the upstream has to believe bare headers; write assertion: {key_env: TOLLGATE_ASSERTION_KEY, audience: upstream}",
        );
    }
    if !configuration.each("caps").iter().any(is_bound) {
        warn(
            Warning::NoCaps,
            configuration,
            "no caps: nothing bounds what an account may use; write caps: [{name: requests, limits: {concurrent: 20, per_minute: 60}}]",
        );
    }
    if let Some(mode) = configuration
        .get("mode")
        .filter(|mode| mode.text() == Some("report"))
    {
        warn(
            Warning::ModeReport,
            &mode,
            "what is to be refused passes; write enforce, once the reports are as expected",
        );
    }
    if let Some(all) = configuration
        .get("forward_authorization")
        .filter(Place::is_true)
    {
        warn(
            Warning::ForwardsAuthorization,
            &all,
            "the upstream gets every client's token or key; write it on the routes that need it",
        );
    }
    variables(gate, configuration, found);
}

/// The environment variables that are named, and those that are seen.
fn variables(gate: &Gate<'_>, configuration: &Place<'_>, found: &mut Vec<Finding>) {
    let Some(seen) = gate.variables() else { return };
    let named = [
        "assertion.key_env",
        "api_keys.introspection.authorization_env",
        "accounts.directory.authorization_env",
    ];
    let mut secrets = BTreeSet::new();
    for at in named.into_iter().filter_map(|name| configuration.get(name)) {
        let Some(name) = at.text().filter(|name| *name != "null") else {
            continue;
        };
        match seen.iter().find(|(seen, _)| *seen == name) {
            None => {
                let message = format!(
                    "{name:?} is not a variable that the filter sees; add it to {}",
                    list(gate)
                );
                found.push(Finding::warning(Warning::VariableNotSeen, &at, message));
            }
            Some((_, Some(value))) if secrets.insert(name) => {
                let message = "a secret stands here, for all who read the file or /config_dump; take it from the environment";
                found.push(Finding::warning(Warning::SecretInFile, value, message));
            }
            Some(_) => {}
        }
    }
}

fn list(gate: &Gate<'_>) -> &'static str {
    use crate::carrier::gate::Carrier;
    match gate.carrier {
        Carrier::Istio => "vmConfig.env, with valueFrom: HOST",
        Carrier::EnvoyGateway => "env.hostKeys",
        Carrier::Envoy | Carrier::Bare => "vm_config.environment_variables.host_env_keys",
    }
}

/// Whether a cap bounds anything, if only for some accounts.
fn is_bound(cap: &Place<'_>) -> bool {
    let bounds = |limits: Place<'_>| limits.members().any(|(_, limit)| !limit.is_null());
    let of_accounts = cap.get("accounts");
    cap.get("limits").is_some_and(bounds)
        || of_accounts.is_some_and(|all| all.members().any(|(_, limits)| bounds(limits)))
}

fn is_nothing(at: &Place<'_>, name: &str) -> bool {
    at.get(name).is_none_or(|member| {
        member.is_null() || member.node.members().is_empty() && Node::text(member.node).is_none()
    })
}
