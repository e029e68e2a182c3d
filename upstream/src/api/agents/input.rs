//! What may be written of an agent.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::body::invalid;
use crate::api::fields::{self, not_null};
use crate::problem::Problem;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AgentStatus)]
pub(super) enum Status {
    #[default]
    Active,
    Inactive,
    Paused,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "Ada"})))]
pub(in crate::api) struct NewAgent {
    name: String,
    #[serde(default)]
    status: Status,
}

/// An absent field stays as it is; `null` is not a value of either.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"status": "paused"})))]
pub(in crate::api) struct AgentChange {
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    name: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    status: Option<Status>,
}

// === impl Status ===

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Paused => "paused",
        }
    }
}

// === impl NewAgent ===

impl NewAgent {
    pub(super) fn validated(self) -> Result<(String, Status), Problem> {
        Ok((fields::name("name", &self.name)?, self.status))
    }
}

// === impl AgentChange ===

impl AgentChange {
    pub(super) fn validated(self) -> Result<(Option<String>, Option<Status>), Problem> {
        if self.name.is_none() && self.status.is_none() {
            return Err(invalid("nothing to change; send `name`, `status` or both"));
        }
        let name = self.name.as_deref();
        let name = name.map(|name| fields::name("name", name)).transpose()?;
        Ok((name, self.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(body: &str) -> Option<(String, Status)> {
        let new: NewAgent = serde_json::from_str(body).ok()?;
        new.validated().ok()
    }

    #[test]
    fn an_agent_needs_only_a_name() {
        let table = [
            (r#"{"name": " Ada "}"#, Some("Ada"), Status::Active),
            (
                r#"{"name": "Ada", "status": "paused"}"#,
                Some("Ada"),
                Status::Paused,
            ),
            (r#"{"name": "Ada", "status": "gone"}"#, None, Status::Active),
            (
                r#"{"name": "Ada", "account": "globex"}"#,
                None,
                Status::Active,
            ),
            (r#"{"name": ""}"#, None, Status::Active),
            (r#"{"name": " "}"#, None, Status::Active),
            (r#"{"name": "a\u0000b"}"#, None, Status::Active),
            (r#"{"name": 1}"#, None, Status::Active),
            ("{}", None, Status::Active),
            ("[]", None, Status::Active),
        ];
        for (body, name, status) in table {
            let expected = name.map(|name| (name.to_owned(), status));
            assert_eq!(created(body), expected, "{body}");
        }
    }

    #[test]
    fn a_change_changes_something_that_can_change() {
        let table = [
            (r#"{"name": "Ada"}"#, true),
            (r#"{"status": "inactive"}"#, true),
            ("{}", false),
            (r#"{"name": null}"#, false),
            (r#"{"id": "0", "name": "Ada"}"#, false),
            (r#"{"name": ""}"#, false),
        ];
        for (body, accepted) in table {
            let change: Result<AgentChange, _> = serde_json::from_str(body);
            let found = change.is_ok_and(|change| change.validated().is_ok());
            assert_eq!(found, accepted, "{body}");
        }
    }
}
