//! The credentials that operations take. Each operation names its own, where it is not the usual.

use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

pub(super) fn describe(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    let token = bearer("JWT", "A user's token of the configured issuer.");
    let widget = bearer(
        "JWT",
        "A widget visitor's token, of the service's own issuer: on the operations that name it only.",
    );
    let api_key = bearer("sk_live_ACCOUNT_SECRET", "An account's API key.");
    let account = header(
        "X-Account-ID",
        "The account that the request is for. With an API key it may be left out.",
    );
    let admin = header("X-Admin", "`true`, beside a token with the admin claim.");
    let gate = bearer(
        "",
        "The gate's own credential, `$TOLLGATE_INTROSPECTION_TOKEN`.",
    );
    for (name, scheme) in [
        ("token", token),
        ("widget_token", widget),
        ("api_key", api_key),
        ("account", account),
        ("admin", admin),
        ("gate", gate),
    ] {
        components.add_security_scheme(name, scheme);
    }
}

fn bearer(format: &str, description: &str) -> SecurityScheme {
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(description));
    SecurityScheme::Http(if format.is_empty() {
        scheme.build()
    } else {
        scheme.bearer_format(format).build()
    })
}

fn header(name: &str, description: &str) -> SecurityScheme {
    SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
        name,
        description,
    )))
}
