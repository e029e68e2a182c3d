//! What the service is started with.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use tollgate_policy::algorithm::Algorithm;
use url::Url;

use crate::database::ServerName;
use crate::dev::EnvoyAdmin;
use crate::error::Error;

/// The flags of `serve`. Each is also an environment variable.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Address to listen on; port 0 takes a free one, which the first line of output names
    #[arg(long, env = "TOLLGATE_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Address of a second, internal listener, for the gate alone: the directory of accounts, the introspection of API
    /// keys, and the key set of the widget's tokens
    #[arg(long, env = "TOLLGATE_INTERNAL_LISTEN", value_name = "ADDRESS")]
    pub internal_listen: Option<SocketAddr>,

    /// Where the databases are.
    #[command(flatten)]
    pub database: DatabaseOptions,

    /// The issuer whose tokens `GET /api/user/org` believes: the exact `iss`
    #[arg(long, env = "TOLLGATE_ISSUER", value_name = "URL")]
    pub issuer: String,

    /// An audience that those tokens may have; may be repeated
    #[arg(
        long,
        env = "TOLLGATE_AUDIENCE",
        value_name = "AUD",
        value_delimiter = ',',
        required = true
    )]
    pub audience: Vec<String>,

    /// A signature algorithm that those tokens may have, as in `alg`; may be repeated
    #[arg(
        long,
        env = "TOLLGATE_ALGORITHM",
        value_name = "ALG",
        value_delimiter = ',',
        default_value = "RS256,ES256",
        value_parser = algorithm
    )]
    pub algorithm: Vec<Algorithm>,

    /// The claim that names a user's accounts (a string, a list, or an object's keys), for `GET /api/user/org`
    #[arg(long, env = "TOLLGATE_MEMBERSHIP_CLAIM", value_name = "CLAIM")]
    pub membership_claim: Option<String>,

    /// Name of the environment variable with the key that signs the gate's assertions
    #[arg(
        long,
        env = "TOLLGATE_ASSERTION_KEY_ENV",
        value_name = "NAME",
        default_value = "TOLLGATE_ASSERTION_KEY"
    )]
    pub assertion_key_env: String,

    /// Name of the environment variable with the key that assertions were signed with before: believed too, while the gates
    /// get the new one
    #[arg(long, env = "TOLLGATE_PREVIOUS_ASSERTION_KEY_ENV", value_name = "NAME")]
    pub previous_assertion_key_env: Option<String>,

    /// The audience that the gate's assertions for this service have
    #[arg(
        long,
        env = "TOLLGATE_ASSERTION_AUDIENCE",
        value_name = "AUD",
        default_value = "upstream"
    )]
    pub assertion_audience: String,

    /// Name of the environment variable with the pepper that API keys and widget keys are hashed with before they are
    /// stored, at least 32 bytes; another one makes all keys unknown
    #[arg(
        long,
        env = "TOLLGATE_KEY_PEPPER_ENV",
        value_name = "NAME",
        default_value = "TOLLGATE_KEY_PEPPER"
    )]
    pub key_pepper_env: String,

    /// Name of the environment variable with the credential that the gate shows at the internal listener, at least 32
    /// bytes; sent as it stands where it has a space, else as `Bearer VALUE`
    #[arg(
        long,
        env = "TOLLGATE_INTROSPECTION_TOKEN_ENV",
        value_name = "NAME",
        default_value = "TOLLGATE_INTROSPECTION_TOKEN"
    )]
    pub introspection_token_env: String,

    /// Name of the environment variable with the credential that the gate showed before: good too, while the gates get
    /// the new one
    #[arg(
        long,
        env = "TOLLGATE_PREVIOUS_INTROSPECTION_TOKEN_ENV",
        value_name = "NAME"
    )]
    pub previous_introspection_token_env: Option<String>,

    /// Name of the environment variable with the secret that the key of the widget's tokens is derived from, at least
    /// 32 bytes; the same for all instances
    #[arg(
        long,
        env = "TOLLGATE_WIDGET_SECRET_ENV",
        value_name = "NAME",
        default_value = "TOLLGATE_WIDGET_SECRET"
    )]
    pub widget_secret_env: String,

    /// The `iss` of the widget's tokens: what the gate has as their issuer
    #[arg(
        long,
        env = "TOLLGATE_WIDGET_ISSUER",
        value_name = "URL",
        default_value = "https://accounts.internal/widget"
    )]
    pub widget_issuer: String,

    /// How long a call can be, from 1s to 7days: one whose end nobody told of counts as ended after this
    #[arg(long, env = "TOLLGATE_MAX_CALL_DURATION", value_name = "DURATION", default_value = "4h", value_parser = call_duration)]
    pub max_call_duration: Duration,

    /// Development: allows the mock login
    #[arg(long, env = "TOLLGATE_DEV")]
    pub dev: bool,

    /// Development: Envoy's admin interface on this machine; a page then shows what the gate decides, at an address of its own
    #[arg(
        long,
        env = "TOLLGATE_DEV_ENVOY_ADMIN",
        value_name = "URL",
        requires = "dev"
    )]
    pub dev_envoy_admin: Option<EnvoyAdmin>,

    /// Development: address of that page, on this machine
    #[arg(
        long,
        env = "TOLLGATE_DEV_STATUS_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:0",
        value_parser = loopback,
        requires = "dev_envoy_admin"
    )]
    pub dev_status_listen: SocketAddr,

    /// Open connections to the account databases of a PostgreSQL server, in all; the system database has up to 4 more,
    /// and accounts that are being made or deleted up to 8
    #[arg(
        long,
        env = "TOLLGATE_MAX_CONNECTIONS",
        value_name = "N",
        default_value = "40"
    )]
    pub max_connections: NonZeroUsize,

    /// Open connections to one account's database; one less than --max-connections at the most, so that no account
    /// can have them all
    #[arg(
        long,
        env = "TOLLGATE_MAX_CONNECTIONS_PER_ACCOUNT",
        value_name = "N",
        default_value = "8"
    )]
    pub max_connections_per_account: NonZeroUsize,

    /// How long a connection may be idle before it is closed
    #[arg(long, env = "TOLLGATE_IDLE_TIMEOUT", value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    pub idle_timeout: Duration,

    /// How long a request may wait for a connection
    #[arg(long, env = "TOLLGATE_ACQUIRE_TIMEOUT", value_name = "DURATION", default_value = "5s", value_parser = humantime::parse_duration)]
    pub acquire_timeout: Duration,
}

/// Where the databases are: the same flags for every command.
#[derive(Clone, Debug, clap::Args)]
pub struct DatabaseOptions {
    /// PostgreSQL server and user, as postgres://USER:PASSWORD@HOST:PORT; a database in it is ignored
    #[arg(
        long,
        env = "TOLLGATE_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database_url: DatabaseUrl,

    /// Another PostgreSQL server, which accounts can be made on by its name; may be repeated (in the variable: with spaces
    /// between). Each server has --max-connections of its own
    #[arg(
        long = "database-server",
        env = "TOLLGATE_DATABASE_SERVERS",
        hide_env_values = true,
        value_name = "NAME=URL",
        value_delimiter = ' '
    )]
    pub database_servers: Vec<NamedUrl>,
}

/// The flags of `migrate`.
#[derive(Clone, Debug, clap::Args)]
pub struct MigrateOptions {
    /// Where the databases are.
    #[command(flatten)]
    pub database: DatabaseOptions,

    /// How many databases are migrated at once
    #[arg(long, short, value_name = "N", default_value = "4")]
    pub jobs: NonZeroUsize,
}

// === impl Options ===

impl Options {
    /// The `iss` of the widget's tokens, as it stands: whoever believes them compares it byte by byte.
    pub(crate) fn widget_issuer(&self) -> Result<String, Error> {
        let wrong = || Error::WidgetIssuer(self.widget_issuer.clone());
        let url = Url::parse(&self.widget_issuer).map_err(|_| wrong())?;
        let is_web = matches!(url.scheme(), "http" | "https");
        is_web.then(|| self.widget_issuer.clone()).ok_or_else(wrong)
    }
}

/// A PostgreSQL URL, with its password: never shown.
///
/// It is parsed when the service starts and not with the other flags, because a parser's error repeats the value.
#[derive(Clone)]
pub struct DatabaseUrl(String);

/// A named server and its PostgreSQL URL, with its password: never shown. Parsed when the service starts.
#[derive(Clone)]
pub struct NamedUrl(String);

// === impl NamedUrl ===

impl NamedUrl {
    pub(crate) fn parts(&self) -> Option<(ServerName, DatabaseUrl)> {
        let (name, url) = self.0.split_once('=')?;
        Some((ServerName::parse(name)?, DatabaseUrl(url.to_owned())))
    }
}

impl FromStr for NamedUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for NamedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NamedUrl(…)")
    }
}

// === impl DatabaseUrl ===

impl DatabaseUrl {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl FromStr for DatabaseUrl {
    type Err = Infallible;

    fn from_str(url: &str) -> Result<Self, Infallible> {
        Ok(Self(url.to_owned()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::parse(name).ok_or_else(|| {
        let names = Algorithm::ALL.map(Algorithm::as_str).join(", ");
        format!("write one of {names}")
    })
}

/// An address that only this machine reaches.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| "write 127.0.0.1:PORT".to_owned())?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    let ip = address.ip();
    Err(format!("others could reach {ip}; write 127.0.0.1:PORT"))
}

/// A call that could not last would never count as active, and one of weeks would hold its slot for as long.
fn call_duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let allowed = Duration::from_secs(1)..=Duration::from_hours(7 * 24);
    if allowed.contains(&duration) {
        Ok(duration)
    } else {
        Err("write a duration from 1s to 7days".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_are_named_as_in_tokens() {
        assert_eq!(algorithm("RS256"), Ok(Algorithm::Rs256));
        for name in ["HS256", "none", "rs256", ""] {
            assert!(algorithm(name).unwrap_err().contains("RS256, "), "{name}");
        }
    }

    #[test]
    fn a_call_has_a_length_and_an_end() {
        for good in ["1s", "4h", "7days"] {
            assert!(call_duration(good).is_ok(), "{good}");
        }
        for bad in ["0s", "999ms", "8days", "4", "", "-1s"] {
            assert!(call_duration(bad).is_err(), "{bad}");
        }
    }
}
