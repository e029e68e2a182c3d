//! The page that the demo prints: for each rule a `curl` line to paste, with the answer that it gives.

mod examples;

use std::fmt;

use crate::stack::Stack;

pub use examples::GROUPS;

/// Rules that belong together.
#[derive(Debug)]
pub struct Group {
    /// What they are about.
    pub title: &'static str,
    /// One a rule.
    pub examples: &'static [Example],
}

/// A request, and what comes back.
#[derive(Debug)]
pub struct Example {
    /// The rule.
    pub rule: &'static str,
    /// Status and code, as [`crate::client::Response::outcome`] has them.
    pub answer: &'static str,
    /// The request.
    pub call: Call,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The method.
    pub method: &'static str,
    /// The path; `$AGENT` stands for what an earlier answer had ([`Call::names`]).
    pub path: &'static str,
    /// Values of `X-Account-ID`.
    pub accounts: &'static [&'static str],
    /// What goes into `Authorization`.
    pub bearer: Bearer,
    /// Further headers.
    pub headers: &'static [(&'static str, &'static str)],
    /// The JSON body; names as in the path.
    pub body: Option<&'static str>,
    /// To the upstream's own port, past the gate.
    pub past_the_gate: bool,
    /// A variable, and the member of the answer that it stands for from then on.
    pub names: Option<(&'static str, &'static str)>,
}

/// The token to send.
#[derive(Clone, Copy, Debug)]
pub enum Bearer {
    /// None.
    None,
    /// The one in this environment variable.
    Variable(&'static str),
    /// One that the issuer makes by this order.
    Minted(&'static str),
}

/// The whole page for a stack that runs.
#[derive(Debug)]
pub struct Page {
    variables: Vec<(&'static str, String)>,
    client_id: String,
    client_secret: String,
    status: Option<String>,
}

/// The variables in the lines. The others would change what another `cargo demo` in that terminal does.
const USED: [&str; 7] = [
    "TOLLGATE_URL",
    "TOLLGATE_ENVOY_ADMIN_URL",
    "TOLLGATE_ISSUER_URL",
    "TOLLGATE_UPSTREAM_URL",
    "TOLLGATE_TOKEN",
    "TOLLGATE_ADMIN_TOKEN",
    "TOLLGATE_OTHER_TOKEN",
];

/// What earlier answers give names to.
const NAMED: [&str; 4] = ["AGENT", "KEY", "WIDGET_KEY", "VISITOR"];

// === impl Call ===

impl Call {
    /// A request with nothing but a method and a path.
    pub const fn new(method: &'static str, path: &'static str) -> Self {
        Self {
            method,
            path,
            accounts: &[],
            bearer: Bearer::None,
            headers: &[],
            body: None,
            past_the_gate: false,
            names: None,
        }
    }
}

/// As a `curl` line for a POSIX shell.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = if self.past_the_gate {
            "$TOLLGATE_UPSTREAM_URL"
        } else {
            "$TOLLGATE_URL"
        };
        match self.names {
            Some((variable, _)) => write!(f, "{variable}=$(curl -s")?,
            None => f.write_str("curl -i")?,
        }
        if self.method != "GET" {
            write!(f, " -X {}", self.method)?;
        }
        // curl would tidy up `..` before it sends the path.
        if self.path.contains("..") {
            f.write_str(" --path-as-is")?;
        }
        write!(f, " \"{origin}{}\"", self.path)?;
        for account in self.accounts {
            write!(f, " -H \"X-Account-ID: {account}\"")?;
        }
        match self.bearer {
            Bearer::None => {}
            Bearer::Variable(name) => write!(f, " -H \"Authorization: Bearer ${name}\"")?,
            Bearer::Minted(order) => write!(
                f,
                " -H \"Authorization: Bearer $(curl -s $TOLLGATE_ISSUER_URL/dev/token -d '{order}' | cut -d'\"' -f4)\""
            )?,
        }
        for (name, value) in self.headers {
            write!(f, " -H \"{name}: {value}\"")?;
        }
        if let Some(body) = self.body {
            // The shell does not look into its single quotes.
            let body = NAMED.iter().fold(body.to_owned(), |body, name| {
                body.replace(&format!("${name}"), &format!("'${name}'"))
            });
            write!(f, " -H \"Content-Type: application/json\" -d '{body}'")?;
        }
        if let Some((variable, member)) = self.names {
            let found = format!(r#"s/.*"{member}":"\([^"]*\)".*/\1/"#);
            write!(f, " | sed '{found}'); echo ${variable}")?;
        }
        Ok(())
    }
}

// === impl Page ===

impl Page {
    /// The page for `stack`.
    pub fn new(stack: &Stack) -> Self {
        let file = stack.issuer().service_account();
        let text = |name: &str| {
            let value = file.get(name).and_then(serde_json::Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        Self {
            variables: stack
                .environment()
                .into_iter()
                .filter(|(name, _)| USED.contains(name))
                .collect(),
            client_id: text("client_id"),
            client_secret: text("client_secret"),
            status: stack.status_url(),
        }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# Tollgate is running. Paste these lines into another terminal:\n\nexport no_proxy=127.0.0.1"
        )?;
        for (name, value) in &self.variables {
            writeln!(f, "export {name}='{value}'")?;
        }
        if let Some(status) = &self.status {
            writeln!(f, "\n# See what the gate decides, in a browser: {status}")?;
        }
        for group in GROUPS {
            writeln!(f, "\n# {}", comment(group.title))?;
            for example in group.examples {
                writeln!(f, "\n# {}: {}", comment(example.rule), example.answer)?;
                writeln!(f, "{}", example.call)?;
            }
        }
        writeln!(
            f,
            r#"
# The requests of an account in a minute are capped

# 130 requests: those that are left of the 60 in this minute get 200, the others 429 cap_exceeded
for i in $(seq 130); do curl -s -o /dev/null -w '%{{http_code}}\n' "$TOLLGATE_URL/api/v1/agents" -H "X-Account-ID: globex" -H "Authorization: Bearer $TOLLGATE_OTHER_TOKEN"; done | sort | uniq -c

# Programs get their tokens from the issuer

# A service account of acme, by client credentials: a token for an hour
export TOLLGATE_TOKEN=$(curl -s -u '{id}:{secret}' "$TOLLGATE_ISSUER_URL/oauth/v2/token" -d grant_type=client_credentials -d scope=openid | cut -d'"' -f4)

# Its key file, for the JWT profile of RFC 7523
curl -s "$TOLLGATE_ISSUER_URL/dev/service-account"

# A new token of the member of acme, when the first has expired
export TOLLGATE_TOKEN=$(curl -s -X POST "$TOLLGATE_ISSUER_URL/dev/token" | cut -d'"' -f4)

# Envoy counts what the gate decides

# The counters
curl -s "$TOLLGATE_ENVOY_ADMIN_URL/stats?filter=tollgate&usedonly"

# Ctrl-C in this terminal stops everything and leaves nothing behind."#,
            id = self.client_id,
            secret = self.client_secret,
        )
    }
}

/// An interactive zsh takes comments for commands, and an apostrophe in one for a quote.
fn comment(text: &str) -> String {
    text.replace('\'', "’")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_line_for_the_shell() {
        let call = Call {
            accounts: &["acme"],
            bearer: Bearer::Variable("TOLLGATE_TOKEN"),
            body: Some(r#"{"agent": "$AGENT"}"#),
            ..Call::new("POST", "/api/../v1")
        };
        assert_eq!(
            call.to_string(),
            "curl -i -X POST --path-as-is \"$TOLLGATE_URL/api/../v1\" -H \"X-Account-ID: acme\" \
             -H \"Authorization: Bearer $TOLLGATE_TOKEN\" -H \"Content-Type: application/json\" \
             -d '{\"agent\": \"'$AGENT'\"}'"
        );
    }
}
