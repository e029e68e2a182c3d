//! Of the list of routes: those that never match, and those in the way of admin ones.

use std::slice;

use tollgate_policy::route::{Mounts, RoutePattern};

use super::Warning;
use crate::carrier::place::Place;
use crate::check::finding::Finding;

struct Route<'a> {
    at: Place<'a>,
    pattern: RoutePattern,
    text: &'a str,
    access: &'a str,
}

pub(super) fn warnings(configuration: &Place<'_>, found: &mut Vec<Finding>) {
    let (Some(mounts), Ok(any)) = (mounts(configuration), RoutePattern::parse("* /**")) else {
        return;
    };
    // One that cannot be read is an error already.
    let listed = configuration.each("routes");
    let routes: Vec<Route<'_>> = listed
        .into_iter()
        .filter_map(|at| {
            let text = at.text_of("match")?;
            Some(Route {
                pattern: RoutePattern::parse(text).ok()?,
                access: at.text_of("access")?,
                text,
                at,
            })
        })
        .collect();
    let patterns: Vec<RoutePattern> = routes.iter().map(|route| route.pattern.clone()).collect();
    for (number, route) in routes.iter().enumerate() {
        let (earlier, routes_before) = (patterns.get(..number), routes.get(..number));
        let (Some(earlier), Some(before)) = (earlier, routes_before) else {
            continue;
        };
        if let Some(takers) = route.pattern.taken_by(earlier, &mounts) {
            let named: Vec<_> = takers
                .iter()
                .filter_map(|taker| before.get(*taker))
                .map(|taker| format!("{} ({:?})", taker.at.path, taker.text))
                .collect();
            let message = format!(
                "{:?} never matches: {} before it takes all of its requests; put it first, or remove it",
                route.text,
                named.join(" and ")
            );
            found.push(Finding::warning(
                Warning::RouteNeverMatches,
                &route.at,
                message,
            ));
        }
        if route.access == "public"
            && any
                .taken_by(slice::from_ref(&route.pattern), &mounts)
                .is_some()
        {
            let message = format!(
                "{:?} is public: whatever no other pattern names passes without a credential, also what is added later; name what is public",
                route.text
            );
            found.push(Finding::warning(Warning::PublicForAll, &route.at, message));
        }
        if route.access == "admin" {
            found.extend(
                before
                    .iter()
                    .filter_map(|other| before_admin(other, route, &mounts)),
            );
        }
    }
}

/// A public or protected route that takes requests of an admin one behind it, unless it is an exception within that: of
/// fewer paths, not only of fewer methods.
fn before_admin(other: &Route<'_>, admin: &Route<'_>, mounts: &Mounts) -> Option<Finding> {
    let (warning, who) = match other.access {
        "public" => (Warning::PublicBeforeAdmin, "everybody"),
        "protected" => (Warning::ProtectedBeforeAdmin, "every member"),
        _ => return None,
    };
    let within = |one: &RoutePattern, other: &RoutePattern| {
        one.taken_by(slice::from_ref(other), mounts).is_some()
    };
    let covers = match (any_method(other.text), any_method(admin.text)) {
        (Some(other), Some(admin)) => within(&admin, &other),
        _ => true,
    };
    let is_exception = within(&other.pattern, &admin.pattern) && !covers;
    if is_exception || !other.pattern.meets(&admin.pattern, mounts) {
        return None;
    }
    let message = format!(
        "{:?} is {} and takes requests of {} ({:?}, admin) behind it, for {who}; put that first, or write a narrower pattern",
        other.text, other.access, admin.at.path, admin.text
    );
    Some(Finding::warning(warning, &other.at, message))
}

/// The same paths, whatever the method.
fn any_method(pattern: &str) -> Option<RoutePattern> {
    let (_, path) = pattern.split_once(' ')?;
    RoutePattern::parse(&format!("* {path}")).ok()
}

fn mounts(configuration: &Place<'_>) -> Option<Mounts> {
    let listed = configuration.get("mounts").map(|mounts| {
        let texts = mounts
            .items()
            .filter_map(|mount| mount.text().map(str::to_owned));
        texts.collect::<Vec<_>>()
    });
    Mounts::parse(&listed.unwrap_or_else(|| vec![String::new()])).ok()
}
