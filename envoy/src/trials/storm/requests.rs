//! Random requests: from a grammar of those that make sense, and with something odd about them.

use fastrand::Rng;

use super::mirror::Field;
use super::people::{HEADER, People, Right, account, noise};

/// The header that ends a worker's virtual machine, in the module that is built for it.
pub const TRAP: &str = "x-tollgate-trap";

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Shot {
    /// Its method.
    pub method: &'static str,
    /// Path and query.
    pub target: Vec<u8>,
    /// In order; without those of a version of HTTP.
    pub fields: Vec<Field>,
    /// What follows.
    pub body: Body,
    /// How it must be answered: one of these outcomes; none: nobody knows.
    pub expected: Option<Vec<&'static str>>,
}

/// A request's body.
#[derive(Clone, Debug)]
pub enum Body {
    /// There is none.
    None,
    /// Of a known length.
    Sized(Vec<u8>),
    /// In chunks, with trailers.
    Chunked(Vec<u8>, Vec<Field>),
}

/// A place that can be asked.
struct Place {
    method: &'static str,
    path: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Public,
    Protected,
    Admin,
}

const fn place(method: &'static str, path: &'static str, kind: Kind) -> Place {
    Place { method, path, kind }
}

const PLACES: [Place; 14] = [
    place("GET", "/api/accounts", Kind::Public),
    place("GET", "/api/accounts/validate/acme", Kind::Public),
    place("POST", "/api/login", Kind::Public),
    place("POST", "/api/v1/widget/auth/guest", Kind::Public),
    place("GET", "/api/v1/widget/config", Kind::Public),
    place("GET", "/api/user/org", Kind::Public),
    place("GET", "/api/v1/agents", Kind::Protected),
    place("GET", "/api/v1/agents/7", Kind::Protected),
    place("POST", "/api/v1/calls/originate", Kind::Protected),
    place("PATCH", "/api/v1/agents/7/widget-settings", Kind::Protected),
    place("DELETE", "/", Kind::Protected),
    place("GET", "/api/v1/api-keys", Kind::Protected),
    place("GET", "/api/admin/accounts", Kind::Admin),
    place("PUT", "/api/admin/accounts/acme/call-limits", Kind::Admin),
];

const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
];

/// What is put somewhere into a path.
const TRICKS: [&[u8]; 22] = [
    b"/",
    b"/.",
    b"/..",
    b"/../..",
    b"%2e",
    b"%2e%2e",
    b"%2f",
    b"%5c",
    b"%252e",
    b"%00",
    b";a=b",
    b"\\",
    b"//",
    b"%",
    b"%zz",
    b"%c0%ae",
    b"%ef%bc%8f",
    b"\xff",
    b" ",
    b"?",
    b"#",
    b"%61",
];

/// Names that a client may write, and nobody must take for the gate's word.
const FORGED: [&str; 12] = [
    "x-tollgate-subject",
    "x-tollgate-assertion",
    "x_tollgate_assertion",
    "x.tollgate.subject",
    "x-tollgate_admin",
    "x-admin",
    "x_admin",
    "x-account_id",
    "x_account_id",
    "x-tollgate-",
    "x-envoy-original-path",
    "x-http-method-override",
];

// === impl Body ===

impl Body {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

// === impl Shot ===

impl Shot {
    /// Any request of somebody's.
    pub fn random(people: &People, rng: &mut Rng) -> Self {
        let place = rng.choice(&PLACES).unwrap_or(&PLACES[0]);
        let credential = people.credential(rng);
        let number = rng.usize(..7);
        let mut shot = Self {
            method: place.method,
            target: place.target(rng),
            fields: vec![field(HEADER, credential.right.write())],
            body: body(place.method, rng),
            expected: None,
        };
        let mut named = match credential.right {
            Right::Member(own) | Right::Key(own) if rng.u8(..4) > 0 => own,
            _ => number,
        };
        let is_key = matches!(credential.right, Right::Key(_));
        let says_account = rng.u8(..8) > 0;
        if says_account {
            shot.fields.push(field("x-account-id", account(named)));
        } else if let Right::Key(own) = credential.right {
            named = own;
        }
        let says_admin = rng.u8(..if place.kind == Kind::Admin { 3 } else { 12 }) > 0;
        let says_admin = says_admin == (place.kind == Kind::Admin);
        if says_admin {
            shot.fields.push(field("x-admin", "true"));
        }
        if let Some(header) = &credential.header {
            shot.fields.push(field("authorization", header));
        }
        shot.expected = if place.kind == Kind::Public {
            Some(vec!["200"])
        } else if !says_account && !is_key {
            // A key that nobody has can name an account, too.
            (credential.right != Right::Nothing).then(|| vec!["400 account_missing"])
        } else {
            expected(
                credential.right,
                place.kind,
                named,
                says_admin,
                credential.refusals,
            )
        };
        rng.shuffle(&mut shot.fields);
        shot
    }

    /// Something odd about it; how it is answered is anybody's guess then.
    pub fn distort(&mut self, rng: &mut Rng) {
        self.expected = None;
        for _ in 0..rng.u8(1..4) {
            match rng.u8(..8) {
                0 => self.method = rng.choice(METHODS).unwrap_or("GET"),
                1 | 2 => {
                    let path = self.target.iter().position(|byte| *byte == b'?');
                    let place = rng.usize(..=path.unwrap_or(self.target.len()));
                    let trick = rng.choice(TRICKS).unwrap_or_default();
                    self.target.splice(place..place, trick.iter().copied());
                }
                3 => {
                    let name = rng.choice(FORGED).unwrap_or_default();
                    let value = if rng.bool() {
                        b"true".to_vec()
                    } else {
                        noise(rng, 40)
                    };
                    self.put(field(name, value), rng);
                }
                4 => {
                    let length = rng.usize(1..30);
                    let name: String = (0..length).map(|_| name_char(rng)).collect();
                    let longest = if rng.u8(..20) == 0 { 8000 } else { 100 };
                    let value = noise(rng, longest);
                    self.put(field(name, value), rng);
                }
                5 => {
                    if let Some(twice) = rng.choice(&self.fields).cloned()
                        && twice.0 != HEADER.as_bytes()
                    {
                        self.put(twice, rng);
                    }
                }
                6 => {
                    let names = [
                        "content-type",
                        "origin",
                        "access-control-request-method",
                        "te",
                        "expect",
                        "cookie",
                    ];
                    let values = [
                        "application/grpc",
                        "https://a.example",
                        "trailers",
                        "GET",
                        "100-continue",
                        "a=b",
                    ];
                    let name = rng.choice(names).unwrap_or_default();
                    self.put(field(name, rng.choice(values).unwrap_or_default()), rng);
                }
                _ => {
                    let value = noise(rng, 60);
                    if let Some((name, old)) = rng.choice(&mut self.fields)
                        && name != HEADER.as_bytes()
                    {
                        *old = value;
                    }
                }
            }
        }
    }

    fn put(&mut self, field: Field, rng: &mut Rng) {
        let place = rng.usize(..=self.fields.len());
        self.fields.insert(place, field);
    }
}

// === impl Place ===

impl Place {
    fn target(&self, rng: &mut Rng) -> Vec<u8> {
        let mount = if rng.bool() { "" } else { "/hub-api" };
        let path = if self.path == "/" && !mount.is_empty() {
            ""
        } else {
            self.path
        };
        let query = match rng.u8(..6) {
            0 => "?a=/../;%2f",
            1 => "?",
            _ => "",
        };
        format!("{mount}{path}{query}").into_bytes()
    }
}

/// How it must be answered, by the rules.
fn expected(
    right: Right,
    kind: Kind,
    named: usize,
    says_admin: bool,
    refusals: &'static [&'static str],
) -> Option<Vec<&'static str>> {
    let outcome = match (right, kind) {
        (Right::Nothing, _) if refusals.is_empty() => return None,
        // A key that nobody has names an account, with which the header may disagree.
        (Right::Nothing, _) if refusals.contains(&"401 key_inactive") => return None,
        (Right::Nothing, _) => return Some(refusals.to_vec()),
        (Right::Key(own), _) if own != named => {
            return Some(vec!["400 account_invalid", "403 account_forbidden"]);
        }
        (Right::Key(_), Kind::Admin) => "403 credential_not_allowed",
        (Right::Admin, Kind::Admin) if says_admin => "200",
        (Right::Member(_) | Right::Admin, Kind::Admin) => "403 admin_required",
        (Right::Member(own) | Right::Key(own), _) if own == named => "200",
        _ => "403 account_forbidden",
    };
    Some([&[outcome], refusals].concat())
}

/// A name and a value.
pub fn field(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Field {
    (name.as_ref().to_owned(), value.as_ref().to_owned())
}

fn body(method: &str, rng: &mut Rng) -> Body {
    if matches!(method, "GET" | "DELETE") {
        return Body::None;
    }
    let longest = if rng.u8(..30) == 0 { 12_000 } else { 300 };
    let mut bytes = noise(rng, longest);
    if rng.u8(..4) == 0 {
        // To whoever loses count, the next request.
        bytes = b"0\r\n\r\nGET /api/v1/agents HTTP/1.1\r\nhost: a\r\nx-storm: -\r\n\r\n".to_vec();
    }
    match rng.u8(..3) {
        0 => {
            let trailers = [
                field("x-mine", "1"),
                field("x-tollgate-subject", "root"),
                field("X_Account_ID", "root"),
            ];
            Body::Chunked(bytes, trailers.to_vec())
        }
        _ => Body::Sized(bytes),
    }
}

fn name_char(rng: &mut Rng) -> char {
    const OTHERS: &[u8] = b"-_.~!#$%&'*+^`|0123456789";
    match rng.u8(..3) {
        0 => rng.choice(OTHERS).map_or('-', |byte| char::from(*byte)),
        _ => rng.lowercase(),
    }
}
