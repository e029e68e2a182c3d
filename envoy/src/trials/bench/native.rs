//! What else an operator could use: Envoy's own filters, which do the same job as far as they can.
//!
//! They do less in three ways, which all make them cheaper. The rate limit has one window instead of three, and none of
//! requests at once. What goes on to the upstream is the token, without an assertion. And RBAC compares a claim with a text
//! that the configuration has, not with a header: each account needs a policy of its own, and they are tried one by one.
//! Here there is one. A CEL condition compares the two, and serves all accounts; it has arms of its own.

use serde_json::{Value, json};

use super::requests::{ACCOUNT, RESERVED};
use crate::config::{Config, ConfigError};
use crate::issuer::{ACCOUNTS_CLAIM, AUDIENCE, Issuer};

/// The reference's own.
const PATTERN: &str = "^[a-z0-9][a-z0-9_-]{0,62}$";

/// The pattern's program is larger than RE2 may have in Envoy by default (100), which refuses it.
const LARGEST_PROGRAM: u32 = 1000;

/// The name under which a filter finds what `jwt_authn` has verified.
const JWT: &str = "envoy.filters.http.jwt_authn";

/// Who decides on the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// RBAC with a policy for the account.
    Rbac,
    /// RBAC with a CEL condition for all accounts.
    Cel,
    /// A script, for all accounts.
    Lua,
}

/// With a verified token, the rules for the account, and a limit an account that nobody comes near.
pub(super) fn whole(
    config: Config,
    issuer: &Issuer,
    cache: bool,
    rules: Rules,
) -> Result<Config, ConfigError> {
    let member = json!({"and_ids": {"ids": [account(ACCOUNT), claim(ACCOUNT)]}});
    let rules = match rules {
        Rules::Rbac => rbac(&member, None),
        Rules::Cel => rbac(&json!({"any": true}), Some(condition())),
        Rules::Lua => lua(),
    };
    config
        .with_filter(Some(jwt_authn(issuer, cache)))?
        .and_filter(rules)?
        .and_filter(rate_limit())?
        .with_runtime("re2.max_program_size.error_level", json!(LARGEST_PROGRAM))
}

/// The token alone.
pub(super) fn jwt_authn(issuer: &Issuer, cache: bool) -> Value {
    let provider = json!({
        "issuer": issuer.url(),
        "audiences": [AUDIENCE],
        "require_expiration": true,
        "local_jwks": {"inline_string": issuer.key_set().to_string()},
        "payload_in_metadata": "claims",
        "jwt_cache_config": cache.then(|| json!({})),
    });
    json!({
        "name": "jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"issuer": provider},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "issuer"}}],
        },
    })
}

/// The account is well formed and not reserved, the request is one of these, and the condition holds.
fn rbac(principal: &Value, condition: Option<Value>) -> Value {
    let well_formed = json!({"header": {
        "name": "x-account-id",
        "string_match": {"safe_regex": {"regex": PATTERN}},
    }});
    let not_reserved = json!({"not_rule": account(RESERVED)});
    let policy = json!({
        "permissions": [{"and_rules": {"rules": [well_formed, not_reserved]}}],
        "principals": [principal],
        "condition": condition,
    });
    json!({
        "name": "rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": {"action": "ALLOW", "policies": {"members": policy}},
        },
    })
}

fn account(name: &str) -> Value {
    json!({"header": {"name": "x-account-id", "string_match": {"exact": name}}})
}

fn claim(account: &str) -> Value {
    json!({"metadata": {
        "filter": JWT,
        "path": [{"key": "claims"}, {"key": ACCOUNTS_CLAIM}],
        "value": {"list_match": {"one_of": {"string_match": {"exact": account}}}},
    }})
}

/// `request.headers["x-account-id"] in metadata.filter_metadata[JWT]["claims"][ACCOUNTS_CLAIM]`, parsed, as RBAC takes it.
fn condition() -> Value {
    let text = |text: &str| json!({"const_expr": {"string_value": text}});
    let name = |name: &str| json!({"ident_expr": {"name": name}});
    let field = |of: Value, field: &str| json!({"select_expr": {"operand": of, "field": field}});
    let call = |function: &str, arguments: [Value; 2]| json!({"call_expr": {"function": function, "args": arguments}});
    let at = |of: Value, key: &str| call("_[_]", [of, text(key)]);
    let header = at(field(name("request"), "headers"), "x-account-id");
    let claims = at(
        at(field(name("metadata"), "filter_metadata"), JWT),
        "claims",
    );
    call("@in", [header, at(claims, ACCOUNTS_CLAIM)])
}

/// The same rules in a script, which is compiled once a worker.
fn lua() -> Value {
    let script = format!(
        r#"
function envoy_on_request(handle)
  local account = handle:headers():get("x-account-id")
  if account == nil or #account > 63 or not account:find("^[a-z0-9][a-z0-9_%-]*$") then
    return handle:respond({{[":status"] = "400"}}, "the account's name is not valid")
  end
  if account == "{RESERVED}" then
    return handle:respond({{[":status"] = "403"}}, "the account is reserved for the system")
  end
  local claims = handle:streamInfo():dynamicMetadata():get("{JWT}")["claims"]
  for _, member in ipairs(claims["{ACCOUNTS_CLAIM}"] or {{}}) do
    if member == account then
      return
    end
  end
  handle:respond({{[":status"] = "403"}}, "the token may not act for the account")
end
"#
    );
    json!({
        "name": "lua",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": script},
        },
    })
}

/// One bucket an account, with the fields in answers that Tollgate also has by default.
fn rate_limit() -> Value {
    let bucket = json!({
        "max_tokens": 1_000_000_000, "tokens_per_fill": 1_000_000_000, "fill_interval": "60s",
    });
    json!({
        "name": "rate_limit",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
            "stat_prefix": "accounts",
            "token_bucket": bucket,
            "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
            "filter_enforced": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
            "always_consume_default_token_bucket": false,
            "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
            "max_dynamic_descriptors": 1000,
            "rate_limits": [{"actions": [{"request_headers": {
                "header_name": "x-account-id", "descriptor_key": "account",
            }}]}],
            "descriptors": [{"entries": [{"key": "account"}], "token_bucket": bucket}],
        },
    })
}
