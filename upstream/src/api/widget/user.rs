//! The user whom an account's server vouches for.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::body::invalid;
use crate::api::fields;
use crate::problem::Problem;
use crate::widget::token::Visitor;

/// The longest id that an account has for a user of its own, in bytes.
const LONGEST_USER_ID: usize = 200;

/// The longest address (RFC 5321 §4.5.3.1.3).
const LONGEST_EMAIL: usize = 254;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"external_user_id": "4711", "display_name": "Ada", "email": "ada@example.com"})))]
pub(in crate::api) struct UserTokenRequest {
    external_user_id: String,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    email: Option<String>,
}

// === impl UserTokenRequest ===

impl UserTokenRequest {
    pub(super) fn visitor(self) -> Result<Visitor, Problem> {
        let id = fields::name("external_user_id", &self.external_user_id)?;
        if id != self.external_user_id || id.len() > LONGEST_USER_ID {
            return Err(invalid(format!(
                "external_user_id: must have at most {LONGEST_USER_ID} bytes, and no spaces around it"
            )));
        }
        let name = self.display_name.as_deref();
        let name = name.map(|name| fields::name("display_name", name));
        let email = self.email.map(email);
        Ok(Visitor::user(&id, name.transpose()?, email.transpose()?))
    }
}

/// No more than what it must be like to be one at all; whether it is theirs, the account's server knows.
fn email(text: String) -> Result<String, Problem> {
    let is_odd = |character: char| character.is_control() || character.is_whitespace();
    let has_two_parts = text
        .rsplit_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    if text.len() > LONGEST_EMAIL || !has_two_parts || text.contains(is_odd) {
        return Err(invalid("email: not an address"));
    }
    Ok(text)
}
