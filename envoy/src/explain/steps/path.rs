//! Steps 1 to 3: the path, forged headers, the route.

use serde_json::{Value, json};
use tollgate_policy::path::Path;
use tollgate_policy::refusal::{Code, Refusal};
use tollgate_policy::request::Field;
use tollgate_policy::route::{Access, Class};

use super::{Stop, Walk, refuse, shortened};
use crate::explain::report::{Answer, Step};

impl Walk<'_> {
    /// 1: is the path readable?
    pub(super) fn path(&self, steps: &mut Vec<Step>) -> Result<Path<'_>, Stop> {
        let mut step = Step::new(1);
        step.saw("path", shortened(&self.asking.path()));
        match Path::parse(self.request.target) {
            Ok(path) => {
                let plain = plain(&path);
                let sent = self.asking.target.split('?').next().unwrap_or_default();
                let because = if plain == sent {
                    "it has one reading".to_owned()
                } else {
                    format!("it has one reading: {plain}")
                };
                step.answer(Answer::Passed, because);
                steps.push(step);
                Ok(path)
            }
            Err(code) => {
                let because = match odd_segment(&self.asking.target) {
                    Some(segment) => format!(
                        "two programs could read {segment} differently, so another page than the one that is judged could be served"
                    ),
                    None => code.detail().to_owned(),
                };
                Err(refuse(step, &code.into(), because))
            }
        }
    }

    /// 2: forged identity is removed.
    pub(super) fn forged(&self, steps: &mut Vec<Step>) {
        let mut step = Step::new(2);
        let own = |name: &&[u8]| {
            *name != self.source.policy.account_header.as_bytes() && *name != b"x-admin"
        };
        let forged = self.request.forged.iter().copied().filter(own);
        let mut forged: Vec<_> = forged.map(|name| name.escape_ascii().to_string()).collect();
        forged.sort_unstable();
        forged.dedup();
        let because = if forged.is_empty() {
            "none: nothing says that it comes from the gate"
        } else {
            "only the gate may set these; the client's are removed, and decide nothing"
        };
        if !forged.is_empty() {
            step.saw("headers", forged);
        }
        if self.request.disowned_by != Field::Missing {
            step.saw(
                "connection",
                "asks the next hop to remove headers of the gate's",
            );
        }
        step.answer(Answer::Passed, because);
        steps.push(step);
    }

    /// 3: what is it? Nothing for a public endpoint, to which the request goes at once.
    pub(super) fn route(
        &self,
        path: &Path<'_>,
        steps: &mut Vec<Step>,
    ) -> Result<Option<Class>, Stop> {
        let policy = &self.source.policy;
        let mut step = Step::new(3);
        step.saw("method", self.asking.method.as_str());
        step.saw("path", plain(path));
        if let Some(mounts) = self.source.at("/mounts") {
            step.saw("mounts", mounts.clone());
        }
        let class = policy.class(self.request, path);
        let place = policy
            .routes
            .first(&policy.mounts, self.request.method, path);
        let because = if self.request.is_preflight() {
            "a CORS preflight, which never has credentials: public".to_owned()
        } else if let Some(place) = place {
            let route = self.source.at(&format!("/routes/{place}"));
            step.saw(
                "route",
                json!({"place": format!("routes[{place}]"), "written": route}),
            );
            let pattern = route
                .and_then(|route| route.get("match"))
                .and_then(Value::as_str);
            let pattern = pattern.unwrap_or_default();
            format!(
                "routes[{place}], \"{pattern}\", is the first that matches: {}",
                name(class.access)
            )
        } else {
            "none of the routes matches, so it is protected".to_owned()
        };
        if class.access == Access::Public {
            let because = if class.forward_authorization {
                format!("{because}; its handler gets Authorization and checks it itself")
            } else {
                because
            };
            step.answer(Answer::Passed, because);
            steps.push(step);
            return Ok(None);
        }
        if let Some(rules) = policy
            .assertion
            .as_ref()
            .filter(|_| self.known.assertion_key.is_none())
        {
            let name = &rules.key_env;
            step.saw(
                "environment",
                format!("{name}: not passed to the gate, or shorter than 32 bytes"),
            );
            let detail = "the assertion's key is missing in the gate's environment";
            let because = format!(
                "{because}; and {detail}: {name} must be among the variables that the filter gets"
            );
            let refusal = Refusal {
                detail,
                ..Code::NotReady.into()
            };
            return Err(refuse(step, &refusal, because));
        }
        step.answer(Answer::Passed, because);
        steps.push(step);
        Ok(Some(class))
    }
}

/// A path with its escapes decoded.
pub(super) fn plain(path: &Path<'_>) -> String {
    let segments = path
        .segments()
        .map(|segment| format!("/{}", segment.escape_ascii()));
    let plain: String = segments.collect();
    if plain.is_empty() {
        "/".to_owned()
    } else {
        plain
    }
}

/// The first segment that spoils a path, alone.
fn odd_segment(target: &str) -> Option<String> {
    let path = target.split('?').next().unwrap_or_default();
    let segments = path.strip_prefix('/')?.split('/');
    let is_odd = |segment: &&str| {
        Path::parse(format!("/{segment}").as_bytes()).is_err() || segment.is_empty()
    };
    segments
        .into_iter()
        .find(is_odd)
        .map(|segment| match segment {
            "" => "an empty segment".to_owned(),
            other => format!(
                "the segment \"{}\"",
                shortened(&other.escape_default().to_string())
            ),
        })
}

fn name(access: Access) -> &'static str {
    match access {
        Access::Public => "public",
        Access::Protected => "protected",
        Access::Admin => "admin",
    }
}
