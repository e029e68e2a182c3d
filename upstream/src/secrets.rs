//! What the service knows and nobody else may: from the environment, and never shown.

use std::env;
use std::ffi::OsString;
use std::fmt;

use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use tollgate_policy::assertion::AssertionKey;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::identity::GateCredential;
use crate::keys::Pepper;
use crate::options::Options;
use crate::widget::WidgetSecret;

/// The shortest secret, in bytes: as long as the hashes that are made with it.
pub(crate) const LEAST: usize = 32;

/// The secrets of a service. Never shown by `Debug`.
pub struct Secrets {
    pub(crate) assertion: AssertionKey,
    /// While the key is rotated.
    pub(crate) previous_assertion: Option<AssertionKey>,
    pub(crate) pepper: Pepper,
    pub(crate) widget: WidgetSecret,
    /// None without an internal listener, where it would be asked for.
    pub(crate) gate: Option<GateCredential>,
}

/// The bytes of one secret, at least [`LEAST`].
pub(crate) struct Secret(Zeroizing<Vec<u8>>);

// === impl Secrets ===

impl Secrets {
    /// Reads the variables that the options name.
    ///
    /// # Errors
    ///
    /// Which one is not set, too short, or cannot be used.
    pub fn from_environment(options: &Options) -> Result<Self, Error> {
        Self::read(options, |variable| env::var_os(variable))
    }

    fn read(options: &Options, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let value = |name: &str| {
            let value = variable(name)?;
            Some(Zeroizing::new(value.into_encoded_bytes()))
        };
        let secret = |name: &str, what| Secret::read(name, what, value(name));
        let assertion = |name: &String| {
            let key = value(name).ok_or_else(|| Error::KeyMissing(name.clone()))?;
            AssertionKey::new(&key).map_err(|why| Error::KeyWeak {
                variable: name.clone(),
                why,
            })
        };
        let gate = |name: &String| {
            // The gate, which has it from a variable too, leaves out the white space around it.
            let token = value(name).map(|token| Zeroizing::new(token.trim_ascii().to_vec()));
            let what = "the gate's credential for the internal listener";
            let token = Secret::read(name, what, token)?;
            GateCredential::new(&token).ok_or_else(|| Error::SecretNoHeader(name.clone()))
        };
        let gates = || -> Result<_, Error> {
            let credential = gate(&options.introspection_token_env)?;
            match &options.previous_introspection_token_env {
                Some(name) => Ok(credential.or(gate(name)?)),
                None => Ok(credential),
            }
        };
        Ok(Self {
            assertion: assertion(&options.assertion_key_env)?,
            previous_assertion: options
                .previous_assertion_key_env
                .as_ref()
                .map(assertion)
                .transpose()?,
            pepper: Pepper::new(&secret(
                &options.key_pepper_env,
                "the pepper that stored keys are hashed with",
            )?),
            widget: WidgetSecret::new(&secret(
                &options.widget_secret_env,
                "the secret that signs the widget's tokens",
            )?),
            gate: options.internal_listen.map(|_| gates()).transpose()?,
        })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

// === impl Secret ===

impl Secret {
    fn read(
        name: &str,
        what: &'static str,
        value: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Self, Error> {
        let variable = name.to_owned();
        let Some(bytes) = value.filter(|value| !value.is_empty()) else {
            return Err(Error::SecretMissing { variable, what });
        };
        if bytes.len() < LEAST {
            return Err(Error::SecretWeak {
                variable,
                what,
                bytes: bytes.len(),
            });
        }
        Ok(Self(bytes))
    }

    #[cfg(test)]
    pub(crate) fn of_test(byte: u8) -> Self {
        Self(Zeroizing::new(vec![byte; LEAST]))
    }

    pub(crate) fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// A hash that only who has the secret can compute.
    pub(crate) fn keyed_hash(&self) -> Hmac<Sha256> {
        match Hmac::new_from_slice(&self.0) {
            Ok(hash) => hash,
            Err(_) => unreachable!("a key of any length will do (RFC 2104 §3)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use axum::http::header::AUTHORIZATION;
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

    use super::*;
    use crate::identity::Authenticator;

    const NAMES: [&str; 4] = [
        "TOLLGATE_ASSERTION_KEY",
        "TOLLGATE_KEY_PEPPER",
        "TOLLGATE_WIDGET_SECRET",
        "TOLLGATE_INTROSPECTION_TOKEN",
    ];
    const SECRET: &str = "secret-secret-secret-secret-secret";

    fn options(internal: bool) -> Options {
        #[derive(clap::Parser)]
        struct Command {
            #[command(flatten)]
            options: Options,
        }
        let arguments = ["test", "--database-url=x", "--issuer=x", "--audience=x"];
        let internal = internal.then_some("--internal-listen=127.0.0.1:0");
        <Command as clap::Parser>::parse_from(arguments.into_iter().chain(internal)).options
    }

    /// With one variable changed.
    fn read(internal: bool, changed: &str, value: Option<&str>) -> Result<Secrets, String> {
        let secrets = Secrets::read(&options(internal), |name| {
            let value = if name == changed { value } else { Some(SECRET) };
            value.map(OsString::from)
        });
        secrets.map_err(|error| format!("{error} {error:?}"))
    }

    #[test]
    fn each_must_be_there_and_long_enough() {
        for name in NAMES {
            for value in [None, Some(""), Some("secret"), Some(&SECRET[..31])] {
                let error = read(true, name, value).unwrap_err();
                assert!(error.contains(name), "{error}");
                assert!(error.contains("at least 32"), "{error}");
                assert!(!error.contains("secret-"), "{error}");
            }
            assert!(read(true, name, Some(&SECRET[..32])).is_ok(), "{name}");
        }
    }

    #[test]
    fn the_gates_is_needed_where_the_gate_asks() {
        let name = NAMES[3];
        assert!(read(false, name, None).unwrap().gate.is_none());
        assert!(read(true, name, Some(SECRET)).unwrap().gate.is_some());
        let error = read(true, name, Some(&format!("{SECRET}\n{SECRET}"))).unwrap_err();
        assert!(error.contains("visible ASCII"), "{error}");
        assert!(!error.contains("secret-"), "{error}");
    }

    #[test]
    fn the_gates_is_read_as_the_gate_reads_it() {
        let name = NAMES[3];
        let basic = format!("Basic {SECRET}");
        for value in [SECRET, &basic] {
            for around in ["", " ", "\n", "\r\n", "\t"] {
                let value = format!("{around}{value}{around}");
                let gate = read(true, name, Some(&value)).unwrap().gate.unwrap();
                let sent = tollgate_policy::introspection::authorization(&value).unwrap();
                let request = Request::get("/").header(AUTHORIZATION, sent);
                assert!(gate.is_shown_by(&request.body(Body::empty()).unwrap()));
            }
        }
        for short in [format!("{}\n", &SECRET[..31]), " ".repeat(32)] {
            let error = read(true, name, Some(&short)).unwrap_err();
            assert!(error.contains("at least 32"), "{error}");
        }
    }

    #[test]
    fn the_ones_before_are_good_too_while_they_are_rotated() {
        let mut options = options(true);
        options.previous_assertion_key_env = Some("OLD_KEY".to_owned());
        options.previous_introspection_token_env = Some("OLD_TOKEN".to_owned());
        let old = SECRET.to_uppercase();
        let read = |olds: Option<&str>| {
            Secrets::read(&options, |name| {
                let is_old = ["OLD_KEY", "OLD_TOKEN"].contains(&name);
                let value = if is_old { olds } else { Some(SECRET) };
                value.map(OsString::from)
            })
        };
        let gate = read(Some(&old)).unwrap().gate.unwrap();
        for (token, is_good) in [(SECRET, true), (&old, true), ("another", false)] {
            let request = Request::get("/").header(AUTHORIZATION, format!("Bearer {token}"));
            let request = request.body(Body::empty()).unwrap();
            assert_eq!(gate.is_shown_by(&request), is_good, "{token}");
        }
        assert!(read(Some(&old)).unwrap().previous_assertion.is_some());
        for value in [None, Some("short")] {
            let error = read(value).map(drop).unwrap_err().to_string();
            assert!(error.contains("OLD_KEY"), "{error}");
        }
    }

    /// Each part of the service that has one, and what is made with it.
    #[test]
    fn none_is_ever_shown() {
        let secrets = read(true, "", None).unwrap();
        let mut options = options(true);
        options.database.database_url = format!("postgres://user:{SECRET}@host/x").into();
        options.database.database_servers = [format!("two=postgres://user:{SECRET}@host/x")]
            .map(|url| url.parse().unwrap())
            .to_vec();
        let hash = secrets.pepper.hash(SECRET.as_bytes());
        let gate = Authenticator::new(AssertionKey::new(SECRET.as_bytes()).unwrap(), "upstream");
        let shown = format!(
            "{secrets:?} {secrets:#?} {:?} {:?} {:?} {:?} {hash:?} {options:?} {options:#?} {gate:?}",
            secrets.assertion, secrets.pepper, secrets.widget, secrets.gate
        );
        let is_hidden = |bytes: &[u8]| {
            let join = |form: fn(&u8) -> String, between: &str| {
                bytes.iter().map(form).collect::<Vec<_>>().join(between)
            };
            for form in [
                String::from_utf8_lossy(bytes).into_owned(),
                STANDARD_NO_PAD.encode(bytes),
                URL_SAFE_NO_PAD.encode(bytes),
                join(|byte| format!("{byte:02x}"), ""),
                join(ToString::to_string, ", "),
            ] {
                assert!(!shown.contains(&form), "{form} is in {shown}");
            }
        };
        is_hidden(&SECRET.as_bytes()[..12]);
        is_hidden(&hash.as_bytes()[..12]);
    }
}
