//! The protobuf messages of `verify_signature` (`source/extensions/common/wasm/ext/verify_signature.proto`), small
//! enough to write by hand.

/// `VerifySignatureArguments`.
pub(super) struct Arguments<'a> {
    /// `sha256` and so on.
    pub(super) hash: &'a str,
    /// SubjectPublicKeyInfo in DER.
    pub(super) public_key: &'a [u8],
    /// Of RSA as it is; of ECDSA in DER.
    pub(super) signature: &'a [u8],
    /// What is signed.
    pub(super) text: &'a [u8],
}

// === impl Arguments ===

impl Arguments<'_> {
    /// The message.
    pub(super) fn write(&self) -> Vec<u8> {
        let fields = [
            (1, self.hash.as_bytes()),
            (2, self.public_key),
            (3, self.signature),
            (4, self.text),
        ];
        // A tag and a length are at most six bytes, where the value is one of ours.
        let size = fields.iter().map(|(_, value)| value.len() + 6).sum();
        let mut message = Vec::with_capacity(size);
        for (field, value) in fields {
            write_field(&mut message, field, value);
        }
        message
    }
}

/// Whether a `VerifySignatureResult` says so: `result` is true, and there is nothing else in it. A failure leaves the
/// field out and may add an `error`; its status is success all the same.
pub(super) fn is_verified(result: &[u8]) -> bool {
    result == [0x08, 0x01]
}

/// A length-delimited field (protobuf encoding, wire type 2).
fn write_field(message: &mut Vec<u8>, field: u8, value: &[u8]) {
    const LENGTH_DELIMITED: u8 = 2;
    message.push(field << 3 | LENGTH_DELIMITED);
    let mut length = value.len();
    while length > 0x7f {
        message.push(low_bits(length) | 0x80);
        length >>= 7;
    }
    message.push(low_bits(length));
    message.extend_from_slice(value);
}

fn low_bits(number: usize) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or_default()
}
