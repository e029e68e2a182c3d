//! What can be called.

/// A telephone number in the form of E.164: `+`, and digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PhoneNumber(String);

/// How many digits there are, with those of the country.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

// === impl PhoneNumber ===

impl PhoneNumber {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        (DIGITS.contains(&digits.len()) && all_digits).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let good = ["+1234567", "+14155550100", "+123456789012345"];
        for number in good {
            let parsed = PhoneNumber::parse(number);
            assert_eq!(parsed.as_ref().map(PhoneNumber::as_str), Some(number));
        }
        let bad = [
            "",
            "+",
            "14155550100",
            "+123456",
            "+1234567890123456",
            "+1415555010x",
            "+1 415 555 0100",
            "++4155550100",
            "+14155550100\n",
            "+１４１５５５５０１００",
            "sip:+14155550100",
        ];
        for number in bad {
            assert_eq!(PhoneNumber::parse(number), None, "{number:?}");
        }
    }
}
