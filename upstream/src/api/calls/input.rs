//! What a call needs.

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::agents;
use crate::api::body::invalid;
use crate::calls::{NewCall, PhoneNumber};
use crate::problem::Problem;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(
    examples(json!({"from_number": "+14155550100", "to_number": "+14155550101", "agent_id": "7a1c9c5e-6b4f-4a57-9a52-0e6f4a4c2f10"})),
)]
pub(in crate::api) struct CallRequest {
    from_number: String,
    to_number: String,
    #[schema(value_type = Uuid)]
    agent_id: String,
}

// === impl CallRequest ===

impl CallRequest {
    pub(super) fn validated(self) -> Result<NewCall, Problem> {
        Ok(NewCall {
            from: number("from_number", &self.from_number)?,
            to: number("to_number", &self.to_number)?,
            // As in a path: what is no id is no agent's.
            agent: Uuid::try_parse(&self.agent_id).map_err(|_| agents::not_found())?,
        })
    }
}

fn number(field: &str, text: &str) -> Result<PhoneNumber, Problem> {
    PhoneNumber::parse(text).ok_or_else(|| {
        invalid(format!(
            "{field}: must be `+` and 7 to 15 digits, such as +14155550100"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"from_number": "+14155550100", "to_number": "+14155550101", "agent_id": "7a1c9c5e-6b4f-4a57-9a52-0e6f4a4c2f10"}"#;

    fn code(body: &str) -> Option<&'static str> {
        let request: Result<CallRequest, _> = serde_json::from_str(body);
        let Ok(request) = request else {
            return Some("body_invalid");
        };
        request.validated().err().map(|problem| problem.code())
    }

    #[test]
    fn a_call_has_two_numbers_and_an_agent() {
        assert_eq!(code(WHOLE), None);
        let table = [
            ("+14155550101", "4155550101", "body_invalid"),
            ("+14155550100", "", "body_invalid"),
            ("\"+14155550101\"", "null", "body_invalid"),
            ("\"+14155550101\"", "14155550101", "body_invalid"),
            ("to_number", "to", "body_invalid"),
            ("7a1c9c5e", "7a1c", "agent_not_found"),
            ("7a1c9c5e", "' or 1=1 --", "agent_not_found"),
        ];
        for (old, new, expected) in table {
            let body = WHOLE.replacen(old, new, 1);
            assert_ne!(body, WHOLE, "{old}");
            assert_eq!(code(&body), Some(expected), "{body}");
        }
    }
}
