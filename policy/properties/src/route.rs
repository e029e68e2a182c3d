//! The class of an endpoint is what a list of regular expressions says, tried one by one.
//!
//! Input, in lines: mounts with a comma between them; the request, `METHOD TARGET`; then the routes, each `METHOD PATH`
//! behind a letter for its class: `-` public, `=` protected, `!` admin.

use percent_encoding::percent_decode;
use regex::bytes::{Regex, RegexBuilder};
use tollgate_policy::path::Path;
use tollgate_policy::route::{Access, Class, Mounts, RoutePattern, Routes};

use crate::{assert_fits_a_log, line};

/// See the module.
pub fn check(input: &[u8]) {
    let (mounts, rest) = line(input);
    let (request, routes) = line(rest);
    let (Ok(mounts), Ok(routes)) = (str::from_utf8(mounts), str::from_utf8(routes)) else {
        return;
    };
    let prefixes: Vec<String> = mounts.split(',').map(str::to_owned).collect();
    let mounts = match Mounts::parse(&prefixes) {
        Ok(mounts) => mounts,
        Err(error) => return assert_fits_a_log(&error.to_string()),
    };
    let mut listed = Vec::new();
    let mut expressions = Vec::new();
    for route in routes.lines().take(20) {
        let access = match route.get(..1) {
            Some("-") => Access::Public,
            Some("=") => Access::Protected,
            Some("!") => Access::Admin,
            _ => continue,
        };
        let text = &route[1..];
        let pattern = match RoutePattern::parse(text) {
            Ok(pattern) => pattern,
            Err(error) => {
                assert_fits_a_log(&error.to_string());
                continue;
            }
        };
        let class = Class {
            access,
            forward_authorization: false,
        };
        expressions.push((expression(&prefixes, text), class));
        listed.push((pattern, class));
    }
    let Some(space) = request.iter().position(|byte| *byte == b' ') else {
        return;
    };
    let (method, target) = (&request[..space], &request[space + 1..]);
    let Ok(path) = Path::parse(target) else {
        return;
    };
    let ours = Routes::new(listed, false).class(&mounts, method, &path);

    let mut text = [method, b" "].concat();
    for segment in path.segments() {
        text.push(b'/');
        text.extend_from_slice(segment);
    }
    let theirs = expressions
        .iter()
        .find(|(expression, _)| expression.is_match(&text))
        .map_or(Access::Protected, |(_, class)| class.access);
    assert_eq!(ours.access, theirs, "{}", text.escape_ascii());
}

/// A pattern as a regular expression over `METHOD /decoded/path`.
fn expression(prefixes: &[String], pattern: &str) -> Regex {
    let (method, path) = pattern.split_once(' ').expect("it was parsed");
    let method = match method {
        "*" => "[^ ]*".to_owned(),
        method => regex::escape(method),
    };
    let decoded = |text: &str| {
        let bytes: Vec<u8> = percent_decode(text.as_bytes()).collect();
        regex::escape(str::from_utf8(&bytes).unwrap())
    };
    let mounts: Vec<String> = prefixes.iter().map(|prefix| decoded(prefix)).collect();
    let mut segments = String::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "" => {}
            "**" => segments.push_str("(?:/.*)?"),
            "*" => segments.push_str("/[^/]+"),
            name if name.starts_with('{') => segments.push_str("/[^/]+"),
            literal => {
                segments.push('/');
                segments.push_str(&decoded(literal));
            }
        }
    }
    RegexBuilder::new(&format!(r"\A{method} (?:{}){segments}\z", mounts.join("|")))
        .unicode(false)
        .dot_matches_new_line(true)
        .build()
        .expect("an expression")
}
