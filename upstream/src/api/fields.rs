//! What fields and paths of several resources have in common.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use super::body::invalid;
use crate::problem::Problem;

/// The longest name, in characters.
pub(super) const LONGEST_NAME: usize = 200;

/// What somebody calls a thing, without the spaces around it.
pub(super) fn name(field: &str, name: &str) -> Result<String, Problem> {
    let name = name.trim();
    if name.is_empty() {
        return Err(invalid(format!("{field}: must not be empty")));
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(invalid(format!(
            "{field}: must have at most {LONGEST_NAME} characters"
        )));
    }
    // PostgreSQL's text cannot have NUL; the others are no part of a name either.
    if name.chars().any(char::is_control) {
        return Err(invalid(format!(
            "{field}: must not have control characters"
        )));
    }
    Ok(name.to_owned())
}

/// A field that may be left out, and is no `null`.
pub(super) fn not_null<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// The first parameter of the path, where it is an id.
pub(super) async fn id_in_path<S: Send + Sync>(parts: &mut Parts, state: &S) -> Option<Uuid> {
    let parameters = RawPathParams::from_request_parts(parts, state).await.ok()?;
    let (_, id) = parameters.iter().next()?;
    Uuid::try_parse(id).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_an_end() {
        let longest = "é".repeat(LONGEST_NAME);
        assert_eq!(name("name", &longest).as_deref(), Ok(longest.as_str()));
        assert!(name("name", &format!("{longest}é")).is_err());
    }
}
