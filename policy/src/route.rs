//! What is it? The class of the endpoint that a request is for (step 3).

mod compare;
mod tree;

use self::tree::Tree;
use crate::path::Path;

/// How the requests to an endpoint are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Who may reach it.
    pub access: Access,
    /// Whether the client's `Authorization` goes on to the upstream.
    pub forward_authorization: bool,
}

/// Who may reach an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody: the request goes on without any identity.
    Public,
    /// Members of the account.
    Protected,
    /// Administrators who ask for it with `X-Admin: true`.
    Admin,
}

/// `METHOD PATH`, as it is written in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePattern {
    /// None: any method.
    method: Option<&'static str>,
    segments: Vec<Segment>,
    /// Whether anything may follow the segments.
    rest: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(Vec<u8>),
    Any,
}

/// The prefixes under which the same routes are served; the first is usually the empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounts(Vec<Vec<Vec<u8>>>);

/// The configured routes; the first that matches decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    patterns: Tree,
    /// Of each pattern.
    classes: Vec<Class>,
    otherwise: Class,
}

/// Why a pattern or a mount is refused: what was found and what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

/// RFC 9110 §9.3 and RFC 5789.
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
];

// === impl RoutePattern ===

impl RoutePattern {
    /// Parses `METHOD PATH`: `*` is any method, `{name}` one segment, `*` at the end exactly one segment, `**`
    /// at the end whatever follows, also nothing.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to write.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let refuse = |why: &str| Err(PatternError(format!("{text:?}: {why}")));
        let Some((method, path)) = text.split_once(' ') else {
            return refuse("write METHOD PATH, such as \"GET /api/accounts\"");
        };
        let method = match METHODS.iter().find(|known| **known == method) {
            Some(known) => Some(*known),
            None if method == "*" => None,
            None => return refuse("unknown method; write GET, POST, … or *"),
        };
        let Some(path) = path.strip_prefix('/') else {
            return refuse("the path must begin with /");
        };
        let (path, rest) = match path.strip_suffix("**") {
            Some("") => ("", true),
            Some(path) => match path.strip_suffix('/') {
                Some(path) => (path, true),
                None => return refuse("** must be a segment of its own, at the end"),
            },
            None => (path, false),
        };
        let mut pieces: Vec<&str> = path.split('/').collect();
        if path.is_empty() {
            pieces.clear();
        }
        let last = pieces.len().saturating_sub(1);
        let mut segments = Vec::with_capacity(pieces.len());
        for (position, piece) in pieces.into_iter().enumerate() {
            match piece {
                "*" if position == last && !rest => segments.push(Segment::Any),
                "*" | "**" => return refuse("* and ** may only be the last segment; write {name}"),
                name if is_parameter(name) => segments.push(Segment::Any),
                literal if literal.contains(['*', '{', '}']) => {
                    return refuse("a segment is a text, {name}, * or **, not a mixture");
                }
                literal => match literal_segments(literal) {
                    Some(literal) => segments.extend(literal.into_iter().map(Segment::Literal)),
                    None => return refuse("the gate refuses such a path, so it can never match"),
                },
            }
        }
        Ok(Self {
            method,
            segments,
            rest,
        })
    }

    /// Whether a request is for this pattern, under any of the mounts.
    pub fn matches(&self, mounts: &Mounts, method: &[u8], path: &Path<'_>) -> bool {
        self.method.is_none_or(|only| only.as_bytes() == method)
            && mounts.0.iter().any(|mount| self.matches_under(mount, path))
    }

    /// Whether the whole path is for this pattern, behind a mount.
    fn matches_under(&self, mount: &[Vec<u8>], path: &Path<'_>) -> bool {
        let mut found = path.segments();
        mount
            .iter()
            .all(|prefix| found.next() == Some(prefix.as_slice()))
            && self.segments.iter().all(|segment| match found.next() {
                Some(found) => match segment {
                    Segment::Literal(literal) => literal == found,
                    Segment::Any => true,
                },
                None => false,
            })
            && (self.rest || found.next().is_none())
    }
}

// === impl Mounts ===

impl Mounts {
    /// Parses prefixes such as `""` and `/hub-api`.
    ///
    /// # Errors
    ///
    /// None at all, or one that is no plain path.
    pub fn parse(prefixes: &[String]) -> Result<Self, PatternError> {
        if prefixes.is_empty() {
            return Err(PatternError(
                "no mount: no route could match; write [\"\"]".to_owned(),
            ));
        }
        prefixes
            .iter()
            .map(|prefix| match prefix.strip_prefix('/') {
                None if prefix.is_empty() => Ok(Vec::new()),
                Some(path) => literal_segments(path).ok_or_else(|| bad_mount(prefix)),
                None => Err(bad_mount(prefix)),
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The segments of a path behind each mount that it is under.
    fn strip<'p>(
        &self,
        path: &'p Path<'_>,
    ) -> impl Iterator<Item = impl Iterator<Item = &'p [u8]> + Clone> {
        self.0.iter().filter_map(|mount| {
            let mut segments = path.segments();
            let is_under = mount
                .iter()
                .all(|prefix| segments.next() == Some(prefix.as_slice()));
            is_under.then_some(segments)
        })
    }
}

fn bad_mount(prefix: &str) -> PatternError {
    PatternError(format!(
        "{prefix:?}: a mount is \"\" or a plain path without a slash at the end, such as \"/hub-api\""
    ))
}

// === impl Class ===

impl Class {
    /// A CORS preflight: anybody, and nothing of theirs goes on.
    pub const PREFLIGHT: Self = Self {
        access: Access::Public,
        forward_authorization: false,
    };
}

// === impl Routes ===

impl Routes {
    /// Routes in the order in which they are tried. What none of them matches is protected.
    pub fn new(listed: Vec<(RoutePattern, Class)>, forward_authorization: bool) -> Self {
        let (patterns, classes) = listed.into_iter().unzip();
        Self {
            patterns: Tree::new(patterns),
            classes,
            otherwise: Class {
                access: Access::Protected,
                forward_authorization,
            },
        }
    }

    /// How many patterns there are.
    pub fn count(&self) -> usize {
        self.classes.len()
    }

    /// The class of an endpoint.
    pub fn class(&self, mounts: &Mounts, method: &[u8], path: &Path<'_>) -> Class {
        self.first(mounts, method, path)
            .and_then(|place| self.classes.get(place))
            .map_or(self.otherwise, |class| *class)
    }

    /// The place in the list of the first pattern that matches, which decides; none: the endpoint is protected.
    pub fn first(&self, mounts: &Mounts, method: &[u8], path: &Path<'_>) -> Option<usize> {
        let first = |segments| self.patterns.first(method, segments);
        mounts.strip(path).filter_map(first).min()
    }
}

fn is_parameter(segment: &str) -> bool {
    segment
        .strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'))
        .is_some_and(|name| !name.is_empty() && !name.contains(['{', '}', '*']))
}

/// A configured path in the form that requests are compared in.
fn literal_segments(path: &str) -> Option<Vec<Vec<u8>>> {
    let target = format!("/{path}");
    let path = Path::parse(target.as_bytes()).ok()?;
    let segments: Vec<_> = path.segments().map(<[u8]>::to_vec).collect();
    (!segments.is_empty() && !target.contains('?')).then_some(segments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    fn mounts() -> Mounts {
        Mounts::parse(&[String::new(), "/hub-api".to_owned()]).unwrap()
    }

    fn matches(pattern: &str, request: &str) -> bool {
        let (method, target) = request.split_once(' ').unwrap();
        let path = Path::parse(target.as_bytes()).unwrap();
        RoutePattern::parse(pattern)
            .unwrap()
            .matches(&mounts(), method.as_bytes(), &path)
    }

    #[test]
    fn patterns() {
        let table = [
            ("GET /api/accounts", "GET /api/accounts", true),
            ("GET /api/accounts", "GET /hub-api/api/accounts", true),
            (
                "GET /api/accounts",
                "GET /hub-api/hub-api/api/accounts",
                false,
            ),
            ("GET /api/accounts", "POST /api/accounts", false),
            ("GET /api/accounts", "get /api/accounts", false),
            ("GET /api/accounts", "GET /api/accounts/acme", false),
            ("GET /api/accounts", "GET /api/Accounts", false),
            ("GET /api/accounts", "GET /api/%61ccounts", true),
            ("GET /a/{id}", "GET /a/b", true),
            ("GET /a/{id}", "GET /a", false),
            ("GET /a/{id}", "GET /a/b/c", false),
            ("GET /a/{id}/c", "GET /a/b/c", true),
            ("POST /a/*", "POST /a/b", true),
            ("POST /a/*", "POST /a", false),
            ("POST /a/*", "POST /a/b/c", false),
            ("* /a/**", "DELETE /a/b/c", true),
            ("* /a/**", "GET /a", true),
            ("* /a/**", "GET /ab", false),
            ("* /**", "GET /", true),
            ("* /**", "GET /a/b", true),
            ("GET /", "GET /", true),
            ("GET /", "GET /a", false),
            ("GET /", "GET /hub-api", true),
        ];
        for (pattern, request, expected) in table {
            assert_eq!(matches(pattern, request), expected, "{pattern} ~ {request}");
        }
    }

    #[test]
    fn bad_patterns_say_what_to_write() {
        let table = [
            ("/x", "write METHOD PATH"),
            ("GTE /x", "unknown method; write GET, POST, … or *"),
            ("get /x", "unknown method"),
            ("GET x", "must begin with /"),
            ("GET /a/*/b", "may only be the last segment"),
            ("GET /a/**/b", "may only be the last segment"),
            ("GET /a/x**", "segment of its own"),
            ("GET /a/x*", "not a mixture"),
            ("GET /a/{b", "not a mixture"),
            ("GET /a/{}", "not a mixture"),
            ("GET /a//b", "can never match"),
            ("GET /a/", "can never match"),
            ("GET /a/../b", "can never match"),
            ("GET /a?b", "can never match"),
        ];
        for (pattern, expected) in table {
            let error = RoutePattern::parse(pattern).expect_err(pattern).to_string();
            assert!(error.contains(expected), "{pattern}: {error}");
        }
    }

    #[test]
    fn the_first_match_decides_and_the_default_is_protected() {
        let class = |access| Class {
            access,
            forward_authorization: false,
        };
        let route = |pattern, access| (RoutePattern::parse(pattern).unwrap(), class(access));
        let listed = vec![
            route("GET /a/b", Access::Public),
            route("* /a/**", Access::Admin),
        ];
        let routes = Routes::new(listed, true);
        let found = |method: &[u8], target: &'static str| {
            let path = Path::parse(target.as_bytes()).unwrap();
            routes.class(&mounts(), method, &path)
        };
        assert_eq!(found(b"GET", "/a/b"), class(Access::Public));
        assert_eq!(found(b"POST", "/a/b"), class(Access::Admin));
        assert_eq!(found(b"GET", "/b").access, Access::Protected);
        assert!(found(b"GET", "/b").forward_authorization);
    }

    #[test]
    fn bad_mounts_are_refused() {
        for mount in ["hub-api", "/", "/hub-api/", "/a//b", "/a?b"] {
            assert!(Mounts::parse(&[mount.to_owned()]).is_err(), "{mount}");
        }
        assert!(Mounts::parse(&[]).is_err());
    }

    /// A pattern of few words, so that many are alike, and some begin as a mount does.
    fn pattern() -> impl Strategy<Value = String> {
        let method = select(vec!["GET", "POST", "OPTIONS", "*"]);
        let segments = vec(select(vec!["a", "b", "%61", "{x}", "{y}"]), 0..5);
        let end = select(vec!["", "*", "**"]);
        (method, segments, end).prop_map(|(method, mut pieces, end)| {
            pieces.extend(Some(end).filter(|end| !end.is_empty()));
            format!("{method} /{}", pieces.join("/"))
        })
    }

    proptest! {
        /// [`RoutePattern::matches`], which tries one pattern alone, says what is right; also where a path is under
        /// several mounts at once.
        #[test]
        fn the_first_of_a_list_is_found(
            patterns in vec(pattern(), 0..16),
            mounts in subsequence(vec!["", "/a", "/a/b", "/b", "/a/a"], 1..=5).prop_shuffle(),
            path in vec(select(vec!["a", "b", "c", "%61", "%62"]), 0..7),
            method in select(vec!["GET", "POST", "PUT", "OPTIONS", "get", ""]),
        ) {
            let patterns: Vec<_> = patterns.iter().map(|text| RoutePattern::parse(text).unwrap()).collect();
            let mounts: Vec<_> = mounts.into_iter().map(String::from).collect();
            let mounts = Mounts::parse(&mounts).unwrap();
            let (method, target) = (method.as_bytes(), format!("/{}", path.join("/")));
            let path = Path::parse(target.as_bytes()).unwrap();
            let expected = patterns.iter().position(|pattern| pattern.matches(&mounts, method, &path));
            let class = Class { access: Access::Public, forward_authorization: false };
            let listed = patterns.into_iter().map(|pattern| (pattern, class)).collect();
            prop_assert_eq!(Routes::new(listed, false).first(&mounts, method, &path), expected);
        }

        #[test]
        fn any_pattern_is_answered(text in ".{0,40}") {
            let _ = RoutePattern::parse(&text);
        }

        #[test]
        fn a_literal_pattern_matches_its_own_path(path in "(/[a-z0-9._~-]{1,8}){1,5}") {
            prop_assume!(Path::parse(path.as_bytes()).is_ok());
            let request = format!("GET {path}");
            prop_assert!(matches(&request, &request));
        }
    }
}
