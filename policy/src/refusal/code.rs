//! The codes: stable, because clients, access logs and counters show them.

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The path could be read in two ways.
    PathAmbiguous,
    /// No account header.
    AccountMissing,
    /// More than one account header.
    AccountDuplicate,
    /// The account's name does not match the pattern.
    AccountInvalid,
    /// No bearer token.
    TokenMissing,
    /// More than one credential.
    TokenDuplicate,
    /// The token is longer than `max_size`.
    TokenTooLarge,
    /// The token is not a JWT in compact serialization, or lacks a claim that it must have.
    TokenMalformed,
    /// The token's `alg` is not one that is configured.
    TokenAlgorithm,
    /// The token's `iss` is not one that is configured.
    TokenIssuer,
    /// The issuer's key set has no key for the token.
    TokenKey,
    /// The signature is not the key's.
    TokenSignature,
    /// The token's `aud` has none of the configured audiences.
    TokenAudience,
    /// The token's `azp` is none of the configured parties.
    TokenParty,
    /// The token's `exp` has passed.
    TokenExpired,
    /// The token's `nbf` or `iat` is still to come.
    TokenNotYetValid,
    /// The token was issued for longer than `max_lifetime`.
    TokenLifetime,
    /// The key, or another credential that was asked about, is not active.
    KeyInactive,
    /// The account exists for the system only.
    AccountReserved,
    /// The token is not a member of the account.
    AccountForbidden,
    /// The kind of credential is not accepted on the route.
    CredentialNotAllowed,
    /// An admin route without `X-Admin: true`, or without the admin claim.
    AdminRequired,
    /// The directory has no such account.
    AccountUnknown,
    /// The directory says that the account may not be used.
    AccountSuspended,
    /// The account has used up a cap.
    CapExceeded,
    /// The issuer's keys have not been fetched, or are too old.
    KeysUnavailable,
    /// Whoever issued the credential could not be asked about it.
    IntrospectionUnavailable,
    /// The gate lacks something that it needs to decide.
    NotReady,
}

// === impl Code ===

impl Code {
    /// All codes, in the order in which the decision can give them.
    pub const ALL: [Self; 28] = [
        Self::PathAmbiguous,
        Self::NotReady,
        Self::AccountMissing,
        Self::AccountDuplicate,
        Self::AccountInvalid,
        Self::AccountReserved,
        Self::TokenMissing,
        Self::TokenDuplicate,
        Self::TokenTooLarge,
        Self::TokenMalformed,
        Self::TokenAlgorithm,
        Self::TokenIssuer,
        Self::TokenAudience,
        Self::TokenParty,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::TokenLifetime,
        Self::KeysUnavailable,
        Self::TokenKey,
        Self::TokenSignature,
        Self::IntrospectionUnavailable,
        Self::KeyInactive,
        Self::CredentialNotAllowed,
        Self::AccountForbidden,
        Self::AdminRequired,
        Self::AccountUnknown,
        Self::AccountSuspended,
        Self::CapExceeded,
    ];

    /// The stable name, as in bodies, logs and counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PathAmbiguous => "path_ambiguous",
            Self::AccountMissing => "account_missing",
            Self::AccountDuplicate => "account_duplicate",
            Self::AccountInvalid => "account_invalid",
            Self::TokenMissing => "token_missing",
            Self::TokenDuplicate => "token_duplicate",
            Self::TokenTooLarge => "token_too_large",
            Self::TokenMalformed => "token_malformed",
            Self::TokenAlgorithm => "token_algorithm",
            Self::TokenIssuer => "token_issuer",
            Self::TokenKey => "token_key",
            Self::TokenSignature => "token_signature",
            Self::TokenAudience => "token_audience",
            Self::TokenParty => "token_party",
            Self::TokenExpired => "token_expired",
            Self::TokenNotYetValid => "token_not_yet_valid",
            Self::TokenLifetime => "token_lifetime",
            Self::KeyInactive => "key_inactive",
            Self::AccountReserved => "account_reserved",
            Self::AccountForbidden => "account_forbidden",
            Self::CredentialNotAllowed => "credential_not_allowed",
            Self::AdminRequired => "admin_required",
            Self::AccountUnknown => "account_unknown",
            Self::AccountSuspended => "account_suspended",
            Self::CapExceeded => "cap_exceeded",
            Self::KeysUnavailable => "keys_unavailable",
            Self::IntrospectionUnavailable => "introspection_unavailable",
            Self::NotReady => "not_ready",
        }
    }

    /// The HTTP status that goes with the code.
    pub const fn status(self) -> u16 {
        match self {
            Self::PathAmbiguous
            | Self::AccountMissing
            | Self::AccountDuplicate
            | Self::AccountInvalid
            | Self::AccountUnknown => 400,
            Self::TokenMissing
            | Self::TokenDuplicate
            | Self::TokenTooLarge
            | Self::TokenMalformed
            | Self::TokenAlgorithm
            | Self::TokenIssuer
            | Self::TokenKey
            | Self::TokenSignature
            | Self::TokenAudience
            | Self::TokenParty
            | Self::TokenExpired
            | Self::TokenNotYetValid
            | Self::TokenLifetime
            | Self::KeyInactive => 401,
            Self::AccountReserved
            | Self::AccountForbidden
            | Self::CredentialNotAllowed
            | Self::AdminRequired
            | Self::AccountSuspended => 403,
            Self::CapExceeded => 429,
            Self::KeysUnavailable | Self::IntrospectionUnavailable | Self::NotReady => 503,
        }
    }

    /// The question of the decision that is answered with it, from 1 to 8; none for what any of them can lack. With an API
    /// key, which names its account, the fourth can be answered as the fifth and the sixth are.
    pub const fn step(self) -> Option<u8> {
        Some(match self {
            Self::PathAmbiguous => 1,
            Self::AccountMissing
            | Self::AccountDuplicate
            | Self::AccountInvalid
            | Self::AccountReserved => 4,
            Self::TokenMissing
            | Self::TokenDuplicate
            | Self::TokenTooLarge
            | Self::TokenMalformed
            | Self::TokenAlgorithm
            | Self::TokenIssuer
            | Self::TokenKey
            | Self::TokenSignature
            | Self::TokenAudience
            | Self::TokenParty
            | Self::TokenExpired
            | Self::TokenNotYetValid
            | Self::TokenLifetime
            | Self::KeyInactive
            | Self::KeysUnavailable
            | Self::IntrospectionUnavailable => 5,
            Self::AccountForbidden
            | Self::CredentialNotAllowed
            | Self::AdminRequired
            | Self::AccountUnknown
            | Self::AccountSuspended => 6,
            Self::CapExceeded => 7,
            Self::NotReady => return None,
        })
    }

    /// The code of a name, as in bodies, logs and counters.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }

    /// What the client is told. Nothing that it sent is repeated.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::PathAmbiguous => {
                "the path could be read in two ways; send it without encoded slashes, dot segments, empty segments or parameters"
            }
            Self::AccountMissing => "the account header is missing",
            Self::AccountDuplicate => "the account header must be sent once",
            Self::AccountInvalid => "the account's name is not valid",
            Self::TokenMissing => "send one `Authorization: Bearer` header",
            Self::TokenDuplicate => "only one credential may be sent",
            Self::TokenTooLarge => "the token is too large",
            Self::TokenMalformed => "the token is not a well-formed JWT with the claims it needs",
            Self::TokenAlgorithm => "the token's algorithm is not accepted",
            Self::TokenIssuer => "the token's issuer is not accepted",
            Self::TokenKey => "the issuer has no key for the token",
            Self::TokenSignature => "the token's signature is wrong",
            Self::TokenAudience => "the token is for another audience",
            Self::TokenParty => "the token was issued to another party",
            Self::TokenExpired => "the token has expired",
            Self::TokenNotYetValid => "the token is not valid yet",
            Self::TokenLifetime => "the token was issued for too long a time",
            Self::KeyInactive => "the key is unknown, disabled or expired",
            Self::AccountReserved => "the account is reserved for the system",
            Self::AccountForbidden => "the token may not act for the account",
            Self::CredentialNotAllowed => "this kind of credential is not accepted here",
            Self::AdminRequired => {
                "an administrator's token and the header `X-Admin: true` are needed"
            }
            Self::AccountUnknown => "there is no such account",
            Self::AccountSuspended => "the account is suspended",
            Self::CapExceeded => "the account has used up its requests",
            Self::KeysUnavailable => "the issuer's keys cannot be had at the moment",
            Self::IntrospectionUnavailable => "the key cannot be checked at the moment",
            Self::NotReady => "the gate is not ready",
        }
    }

    /// The code's title: the name of its status.
    pub(super) const fn title(self) -> &'static str {
        match self.status() {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            429 => "Too Many Requests",
            _ => "Service Unavailable",
        }
    }

    /// The gRPC status of the same meaning (`google.rpc.Code`).
    pub(super) const fn grpc_status(self) -> u32 {
        match self.status() {
            400 => 3,
            401 => 16,
            403 => 7,
            429 => 8,
            _ => 14,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_listed_once() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn steps_are_in_the_order_in_which_codes_can_be_given() {
        let steps: Vec<_> = Code::ALL.iter().filter_map(|code| code.step()).collect();
        assert!(steps.is_sorted(), "{steps:?}");
        assert_eq!(steps.len(), Code::ALL.len() - 1);
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(code));
        }
    }

    #[test]
    fn descriptions_fit_a_quoted_header_value() {
        for code in Code::ALL {
            let fits = |byte: u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\');
            assert!(code.detail().bytes().all(fits), "{code:?}");
        }
    }
}
