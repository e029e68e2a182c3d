//! Of the list of routes: those that never match, and public ones in the way of admin ones.

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
    let Some(mounts) = mounts(configuration) else {
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
        if route.access == "admin" {
            let public = before.iter().filter(|other| other.access == "public");
            found.extend(public.filter_map(|public| before_admin(public, route, &mounts)));
        }
    }
}

/// A public route that takes requests of an admin one behind it, unless it is an exception within that.
fn before_admin(public: &Route<'_>, admin: &Route<'_>, mounts: &Mounts) -> Option<Finding> {
    let within = |one: &Route<'_>, other: &Route<'_>| {
        one.pattern
            .taken_by(std::slice::from_ref(&other.pattern), mounts)
            .is_some()
    };
    let is_exception = within(public, admin) && !within(admin, public);
    if is_exception || !public.pattern.meets(&admin.pattern, mounts) {
        return None;
    }
    let message = format!(
        "{:?} is public and takes requests of {} ({:?}, admin) behind it; put that first, or write a narrower pattern",
        public.text, admin.at.path, admin.text
    );
    Some(Finding::warning(
        Warning::PublicBeforeAdmin,
        &public.at,
        message,
    ))
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
