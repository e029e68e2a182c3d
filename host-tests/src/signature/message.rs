//! The messages of `verify_signature.proto`.

/// `VerifySignatureResult { result: true }`.
pub(super) const VERIFIED: [u8; 2] = [0x08, 0x01];

/// `VerifySignatureArguments`.
#[derive(Default)]
pub(super) struct Arguments<'a> {
    pub hash: &'a [u8],
    pub public_key: Option<&'a [u8]>,
    pub signature: &'a [u8],
    pub text: &'a [u8],
    pub public_key_pem: Option<&'a [u8]>,
}

// === impl Arguments ===

impl<'a> Arguments<'a> {
    /// Nothing where it is no such message.
    pub fn read(message: &'a [u8]) -> Option<Self> {
        let mut arguments = Self::default();
        let mut rest = message;
        while !rest.is_empty() {
            let tag = number(&mut rest)?;
            let size = usize::try_from(number(&mut rest)?).ok()?;
            let value = rest.split_off(..size)?;
            match tag {
                0x0a => arguments.hash = value,
                0x12 => arguments.public_key = Some(value),
                0x1a => arguments.signature = value,
                0x22 => arguments.text = value,
                0x2a => arguments.public_key_pem = Some(value),
                _ => return None,
            }
        }
        Some(arguments)
    }
}

/// `VerifySignatureResult`: `result` is left out, being false; `error` is field 2.
pub(super) fn failure(error: &str) -> Vec<u8> {
    write(&[(2, error.as_bytes())])
}

/// A message of fields of bytes.
pub(super) fn write(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut message = Vec::new();
    for (field, value) in fields {
        message.push(field << 3 | 2);
        let mut size = value.len();
        while size > 0x7f {
            message.push(low_bits(size) | 0x80);
            size >>= 7;
        }
        message.push(low_bits(size));
        message.extend_from_slice(value);
    }
    message
}

fn low_bits(number: usize) -> u8 {
    u8::try_from(number & 0x7f).unwrap()
}

/// A varint.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}
