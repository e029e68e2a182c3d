//! What two patterns have in common: for whoever judges a list of routes before it is used. The filter does not ask.

use super::{Mounts, RoutePattern, Segment};
use crate::path::Path;

/// No pattern has it: a method that none names, and a segment that is in no pattern and no mount.
const ANY_METHOD: &str = "ANY";
const ANY_SEGMENT: &str = "any";

// === impl RoutePattern ===

impl RoutePattern {
    /// The places in `earlier` of those patterns that together take every request of this one; none where a request is
    /// left for it.
    ///
    /// A wildcard is judged by one segment that no pattern has: whatever matches that matches every other segment too.
    pub fn taken_by(&self, earlier: &[Self], mounts: &Mounts) -> Option<Vec<usize>> {
        let unknown = unknown_segment(earlier, mounts);
        let longest = |patterns: &[Self]| {
            let lengths = patterns.iter().map(|pattern| pattern.segments.len());
            lengths.max().unwrap_or(0)
        };
        let deepest = mounts.0.iter().map(Vec::len).max().unwrap_or(0);
        // Beyond the longest pattern under the deepest mount, nothing but `**` tells paths apart.
        let more = if self.rest {
            longest(earlier) + deepest + 1
        } else {
            0
        };
        let method = self.method.unwrap_or(ANY_METHOD).as_bytes();
        let mut takers = Vec::new();
        for mount in &mounts.0 {
            for more in 0..=more {
                let path = self.witness(mount, &unknown, more);
                let path = Path::parse(path.as_bytes()).ok()?;
                let taker = earlier
                    .iter()
                    .position(|pattern| pattern.matches(mounts, method, &path))?;
                takers.push(taker);
            }
        }
        takers.sort_unstable();
        takers.dedup();
        Some(takers)
    }

    /// Whether there is a request that both match.
    pub fn meets(&self, other: &Self, mounts: &Mounts) -> bool {
        let methods_meet = match (self.method, other.method) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        let under = |mount: &Vec<Vec<u8>>, pattern: &Self| -> Vec<Segment> {
            let mount = mount.iter().cloned().map(Segment::Literal);
            mount.chain(pattern.segments.iter().cloned()).collect()
        };
        let meet = |one: &[Segment], two: &[Segment]| {
            let is_long_enough = match one.len().cmp(&two.len()) {
                std::cmp::Ordering::Less => self.rest,
                std::cmp::Ordering::Equal => true,
                std::cmp::Ordering::Greater => other.rest,
            };
            is_long_enough
                && one.iter().zip(two).all(|pair| match pair {
                    (Segment::Literal(one), Segment::Literal(two)) => one == two,
                    _ => true,
                })
        };
        methods_meet
            && mounts.0.iter().any(|mount| {
                let one = under(mount, self);
                mounts
                    .0
                    .iter()
                    .any(|mount| meet(&one, &under(mount, other)))
            })
    }

    /// A path that this pattern matches under a mount, with `more` segments behind it.
    fn witness(&self, mount: &[Vec<u8>], unknown: &str, more: usize) -> String {
        let mut path = String::new();
        let segments = self.segments.iter().map(|segment| match segment {
            Segment::Literal(literal) => literal.as_slice(),
            Segment::Any => unknown.as_bytes(),
        });
        let behind = std::iter::repeat_n(unknown.as_bytes(), more);
        for segment in mount
            .iter()
            .map(Vec::as_slice)
            .chain(segments)
            .chain(behind)
        {
            path.push('/');
            // As it would be sent: a literal may have been written with escapes.
            for byte in segment {
                match byte {
                    b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => {
                        path.push(char::from(*byte));
                    }
                    other => path.extend(['%', hex(other >> 4), hex(other & 15)]),
                }
            }
        }
        if path.is_empty() {
            path.push('/');
        }
        path
    }
}

fn hex(four_bits: u8) -> char {
    char::from_digit(four_bits.into(), 16).unwrap_or_default()
}

fn unknown_segment(patterns: &[RoutePattern], mounts: &Mounts) -> String {
    let literals = patterns
        .iter()
        .flat_map(|pattern| &pattern.segments)
        .filter_map(|segment| match segment {
            Segment::Literal(literal) => Some(literal),
            Segment::Any => None,
        });
    let longest = literals
        .chain(mounts.0.iter().flatten())
        .map(Vec::len)
        .max();
    // Longer than any, so different from each.
    ANY_SEGMENT.repeat(longest.unwrap_or(0) / ANY_SEGMENT.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    fn parse(patterns: &[&str]) -> Vec<RoutePattern> {
        patterns
            .iter()
            .map(|text| RoutePattern::parse(text).unwrap())
            .collect()
    }

    fn mounts(prefixes: &[&str]) -> Mounts {
        let prefixes: Vec<_> = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
        Mounts::parse(&prefixes).unwrap()
    }

    #[test]
    fn who_takes_what() {
        type Row = (&'static str, &'static [&'static str], Option<Vec<usize>>);
        let table: &[Row] = &[
            ("GET /a", &["GET /a"], Some(vec![0])),
            ("GET /a", &["GET /b", "* /{x}"], Some(vec![1])),
            ("* /a", &["GET /a"], None),
            ("GET /{x}", &["GET /a"], None),
            ("GET /a/**", &["GET /a/*"], None),
            (
                "GET /a/**",
                &["GET /a", "GET /a/*", "GET /a/{x}/{y}/**"],
                Some(vec![0, 1, 2]),
            ),
            ("GET /a/**", &["GET /a", "GET /a/{x}/{y}/**"], None),
            ("GET /%7Bx%7D", &["GET /{x}"], Some(vec![0])),
            ("GET /", &["GET /**"], Some(vec![0])),
            ("GET /a", &[], None),
        ];
        for (pattern, earlier, expected) in table {
            let pattern = RoutePattern::parse(pattern).unwrap();
            let found = pattern.taken_by(&parse(earlier), &mounts(&["", "/hub"]));
            assert_eq!(&found, expected, "{pattern:?} {earlier:?}");
        }
        // Under the mount, `GET /hub` is also `GET /`.
        let root = RoutePattern::parse("GET /").unwrap();
        assert_eq!(
            root.taken_by(&parse(&["GET /hub"]), &mounts(&["/hub"])),
            None
        );
        assert_eq!(
            root.taken_by(&parse(&["GET /", "GET /hub"]), &mounts(&["", "/hub"])),
            Some(vec![0])
        );
    }

    /// Every path of up to so many segments of `a`, `b` and one that no pattern has.
    fn paths(longest: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..longest {
            last = last
                .iter()
                .flat_map(|path| ["a", "b", "c"].map(|segment| format!("{path}/{segment}")))
                .collect();
            all.extend(last.iter().cloned());
        }
        all[0].push('/');
        all
    }

    fn pattern() -> impl Strategy<Value = RoutePattern> {
        let method = select(vec!["GET", "POST", "*"]);
        let segments = vec(select(vec!["a", "b", "{x}"]), 0..3);
        let end = select(vec!["", "", "*", "**"]);
        (method, segments, end).prop_map(|(method, mut pieces, end)| {
            pieces.extend(Some(end).filter(|end| !end.is_empty()));
            RoutePattern::parse(&format!("{method} /{}", pieces.join("/"))).unwrap()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 400 } else { 5000 }))]

        /// Held against every request of up to six segments, which is longer than any pattern under any mount.
        #[test]
        fn the_answers_are_those_of_all_requests(
            patterns in vec(pattern(), 1..5),
            prefixes in subsequence(vec!["", "/a", "/a/b"], 1..=3),
        ) {
            let mounts = mounts(&prefixes);
            let (last, earlier) = patterns.split_last().unwrap();
            let (mut is_left, mut meets) = (false, vec![false; earlier.len()]);
            for target in paths(6) {
                let path = Path::parse(target.as_bytes()).unwrap();
                for method in ["GET", "POST", "PUT"] {
                    let matches = |one: &RoutePattern| one.matches(&mounts, method.as_bytes(), &path);
                    if matches(last) {
                        is_left |= !earlier.iter().any(matches);
                        for (meets, one) in meets.iter_mut().zip(earlier) {
                            *meets |= matches(one);
                        }
                    }
                }
            }
            prop_assert_eq!(last.taken_by(earlier, &mounts).is_none(), is_left);
            let found: Vec<_> = earlier.iter().map(|one| last.meets(one, &mounts)).collect();
            prop_assert_eq!(found, meets);
        }
    }
}
