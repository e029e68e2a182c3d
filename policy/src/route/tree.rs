//! Many patterns as one tree, so that a request's path is compared once with all of them.

use std::collections::BTreeMap;

use super::{RoutePattern, Segment};

/// Patterns by their segments. It finds what trying them one by one would find, and takes no longer for more of them.
/// Its nodes lie side by side: paths and patterns can have thousands of segments, and no stack takes as many calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tree(Vec<Node>);

/// The patterns that begin with the same segments.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    /// The first of them all.
    first: usize,
    /// Those that are longer, by what comes next.
    literals: BTreeMap<Vec<u8>, usize>,
    any: Option<usize>,
    /// Those that end here.
    ends: Methods,
    /// Those behind which anything may follow, also nothing.
    rest: Methods,
}

/// Patterns of the same path, in their order: of each method the first. None: any method.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Methods(Vec<(Option<&'static str>, usize)>);

// === impl Tree ===

impl Tree {
    /// The tree of patterns, each with its place in the list.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p RoutePattern>) -> Self {
        let mut tree = Self(vec![Node::new(0)]);
        for (place, pattern) in patterns.into_iter().enumerate() {
            tree.add(place, pattern);
        }
        tree
    }

    /// The place of the first pattern that matches.
    pub fn first<'s>(
        &self,
        method: &[u8],
        segments: impl Iterator<Item = &'s [u8]> + Clone,
    ) -> Option<usize> {
        let mut found: Option<usize> = None;
        let mut next = Some((0, segments));
        // Where a segment is as written in some patterns and any in others, both are gone.
        let mut others = Vec::new();
        while let Some((node, mut segments)) = next.take().or_else(|| others.pop()) {
            let Some(node) = self.0.get(node) else { break };
            if found.is_some_and(|found| found <= node.first) {
                continue;
            }
            found = earlier(found, node.rest.first(method));
            let Some(segment) = segments.next() else {
                found = earlier(found, node.ends.first(method));
                continue;
            };
            match (node.literals.get(segment), node.any) {
                (None, None) => {}
                (Some(literal), None) => next = Some((*literal, segments)),
                (None, Some(any)) => next = Some((any, segments)),
                (Some(literal), Some(any)) => {
                    others.push((any, segments.clone()));
                    next = Some((*literal, segments));
                }
            }
        }
        found
    }

    fn add(&mut self, place: usize, pattern: &RoutePattern) {
        let mut at = 0;
        for segment in &pattern.segments {
            let new = self.0.len();
            let Some(node) = self.0.get_mut(at) else {
                return;
            };
            at = match segment {
                Segment::Literal(literal) => *node.literals.entry(literal.clone()).or_insert(new),
                Segment::Any => *node.any.get_or_insert(new),
            };
            if at == new {
                self.0.push(Node::new(place));
            }
        }
        if let Some(node) = self.0.get_mut(at) {
            let methods = if pattern.rest {
                &mut node.rest
            } else {
                &mut node.ends
            };
            methods.add(pattern.method, place);
        }
    }
}

fn earlier(one: Option<usize>, other: Option<usize>) -> Option<usize> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

// === impl Node ===

impl Node {
    fn new(first: usize) -> Self {
        Self {
            first,
            literals: BTreeMap::new(),
            any: None,
            ends: Methods::default(),
            rest: Methods::default(),
        }
    }
}

// === impl Methods ===

impl Methods {
    fn add(&mut self, method: Option<&'static str>, place: usize) {
        // One that comes later never decides.
        if self.0.iter().all(|(listed, _)| *listed != method) {
            self.0.push((method, place));
        }
    }

    fn first(&self, method: &[u8]) -> Option<usize> {
        let fits = |listed: Option<&str>| listed.is_none_or(|only| only.as_bytes() == method);
        let first = self.0.iter().find(|(listed, _)| fits(*listed));
        first.map(|(_, place)| *place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Path;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn segment() -> impl Strategy<Value = &'static str> {
        select(vec!["a", "b", "{x}"])
    }

    fn pattern() -> impl Strategy<Value = String> {
        let method = select(vec!["GET", "POST", "*"]);
        let segments = proptest::collection::vec(segment(), 0..4);
        let end = select(vec!["", "*", "**"]);
        (method, segments, end).prop_map(|(method, segments, end)| {
            let mut pieces = segments;
            pieces.extend(Some(end).filter(|end| !end.is_empty()));
            format!("{method} /{}", pieces.join("/"))
        })
    }

    fn first(patterns: &[&str], method: &str, target: &str) -> Option<usize> {
        let patterns: Vec<_> = patterns
            .iter()
            .map(|text| RoutePattern::parse(text).unwrap())
            .collect();
        let path = Path::parse(target.as_bytes()).unwrap();
        Tree::new(&patterns).first(method.as_bytes(), path.segments())
    }

    #[test]
    fn the_first_in_the_list_is_found_wherever_it_is_in_the_tree() {
        let patterns = ["POST /a/b", "* /a/{x}", "GET /a/b", "* /**", "GET /a/b/c"];
        assert_eq!(first(&patterns, "POST", "/a/b"), Some(0));
        assert_eq!(first(&patterns, "GET", "/a/b"), Some(1));
        assert_eq!(first(&patterns, "GET", "/a/b/c"), Some(3));
        assert_eq!(first(&patterns, "GET", "/"), Some(3));
        assert_eq!(first(&patterns[..3], "GET", "/a"), None);
    }

    #[test]
    fn depth_takes_no_stack() {
        let path = "/a".repeat(100_000);
        let pattern = format!("GET {path}");
        assert_eq!(first(&[&pattern], "GET", &path), Some(0));
    }

    proptest! {
        /// `RoutePattern::matches_under`, which tries one pattern alone, says what is right.
        #[test]
        fn it_finds_what_trying_one_by_one_finds(
            patterns in proptest::collection::vec(pattern(), 0..12),
            path in proptest::collection::vec(select(vec!["a", "b", "c"]), 0..5),
            method in select(vec!["GET", "POST", "PUT"]),
        ) {
            let patterns: Vec<_> = patterns.iter().map(|text| RoutePattern::parse(text).unwrap()).collect();
            let target = format!("/{}", path.join("/"));
            let path = Path::parse(target.as_bytes()).unwrap();
            let is_for = |pattern: &RoutePattern| {
                pattern.method.is_none_or(|only| only == method) && pattern.matches_under(&[], &path)
            };
            let expected = patterns.iter().position(is_for);
            prop_assert_eq!(Tree::new(&patterns).first(method.as_bytes(), path.segments()), expected);
        }
    }
}
