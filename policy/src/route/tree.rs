//! Many patterns as one tree, so that a request's path is compared once with all of them.

use super::{RoutePattern, Segment};

/// Patterns by their segments. It finds what trying them one by one would find, and takes no longer for more of them.
/// Its nodes lie side by side: paths and patterns can have thousands of segments, and no stack takes as many calls. They
/// are small, because a pattern of a megabyte can have half a million: what a configuration takes is known by its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tree(Vec<Node>);

/// The patterns that begin with the same segments.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Node {
    /// The first of them all.
    first: usize,
    /// Those that are longer, by what comes next, in its order.
    literals: Vec<(Vec<u8>, usize)>,
    any: Option<usize>,
    /// Those that end here, in their order: of each method the first.
    ends: Vec<End>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    /// None: any method.
    method: Option<&'static str>,
    /// Whether anything may follow, also nothing.
    rest: bool,
    place: usize,
}

// === impl Tree ===

impl Tree {
    /// The tree of patterns, each with its place in the list.
    pub fn new(patterns: Vec<RoutePattern>) -> Self {
        let most: usize = patterns.iter().map(|pattern| pattern.segments.len()).sum();
        let mut nodes = Vec::with_capacity(most + 1);
        nodes.push(Node::new(0));
        let mut tree = Self(nodes);
        let mut patterns: Vec<_> = patterns.into_iter().enumerate().collect();
        // What begins with the same segments comes one after the other, and what is the same in the list's order.
        patterns.sort_by(|(_, one), (_, other)| one.segments.cmp(&other.segments));
        for (place, pattern) in patterns {
            tree.add(place, pattern);
        }
        tree.0.shrink_to_fit();
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
            let segment = segments.next();
            found = earlier(found, node.end(method, segment.is_none()));
            let Some(segment) = segment else { continue };
            match (node.literal(segment), node.any) {
                (None, None) => {}
                (Some(literal), None) => next = Some((literal, segments)),
                (None, Some(any)) => next = Some((any, segments)),
                (Some(literal), Some(any)) => {
                    others.push((any, segments.clone()));
                    next = Some((literal, segments));
                }
            }
        }
        found
    }

    /// Adds a pattern that comes after all others in the order of the segments.
    fn add(&mut self, place: usize, pattern: RoutePattern) {
        let mut at = 0;
        for segment in pattern.segments {
            let new = self.0.len();
            let Some(node) = self.0.get_mut(at) else {
                return;
            };
            node.first = node.first.min(place);
            at = match segment {
                Segment::Literal(literal) => node.last_literal(literal, new),
                Segment::Any => *node.any.get_or_insert(new),
            };
            if at == new {
                self.0.push(Node::new(place));
            }
        }
        if let Some(node) = self.0.get_mut(at) {
            node.first = node.first.min(place);
            let is_like = |end: &End| end.method == pattern.method && end.rest == pattern.rest;
            // One that comes later never decides.
            if !node.ends.iter().any(is_like) {
                node.ends.push(End {
                    method: pattern.method,
                    rest: pattern.rest,
                    place,
                });
            }
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
            literals: Vec::new(),
            any: None,
            ends: Vec::new(),
        }
    }

    /// Where those go on that have this segment as it is.
    fn literal(&self, segment: &[u8]) -> Option<usize> {
        let literals = &self.literals;
        let place = literals.binary_search_by(|(literal, _)| literal.as_slice().cmp(segment));
        let (_, node) = literals.get(place.ok()?)?;
        Some(*node)
    }

    /// The same for a segment that is the last in their order, or comes after it and goes on at `new`.
    fn last_literal(&mut self, literal: Vec<u8>, new: usize) -> usize {
        match self.literals.last() {
            Some((last, node)) if *last == literal => *node,
            last => {
                if last.is_none() {
                    // Most have one.
                    self.literals.reserve_exact(1);
                }
                self.literals.push((literal, new));
                new
            }
        }
    }

    /// The place of the first pattern that ends here, where the path ends or anything may follow.
    fn end(&self, method: &[u8], is_last: bool) -> Option<usize> {
        let fits = |end: &&End| {
            (is_last || end.rest) && end.method.is_none_or(|only| only.as_bytes() == method)
        };
        self.ends.iter().find(fits).map(|end| end.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Path;

    fn first(patterns: &[&str], method: &str, target: &str) -> Option<usize> {
        let patterns: Vec<_> = patterns
            .iter()
            .map(|text| RoutePattern::parse(text).unwrap())
            .collect();
        let path = Path::parse(target.as_bytes()).unwrap();
        Tree::new(patterns).first(method.as_bytes(), path.segments())
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
}
