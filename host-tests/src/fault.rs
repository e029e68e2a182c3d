//! A host that fails and lies, on order.

use crate::status::Status;

/// What a call to the host does instead of its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing; and it returns this status.
    Status(Status),
    /// Its work; but the bytes that it returns are changed.
    Data(Lie),
    /// Its work; but this is the number that it returns (a time, a version, an id).
    Number(u64),
}

/// How returned bytes are changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lie {
    /// There are none.
    Empty,
    /// The last one is missing.
    Shorter,
    /// The second half is missing.
    Half,
    /// 300 KiB follow.
    Longer,
    /// The first four, which are often a count, say four billion.
    Count,
    /// All are 0xff.
    Garbage,
    /// They are not where the host says.
    Elsewhere,
    /// They are others.
    Are(Vec<u8>),
}

/// The faults of one virtual machine.
#[derive(Clone, Debug, Default)]
pub struct Faults(Vec<Rule>);

#[derive(Clone, Debug)]
struct Rule {
    /// None: every call counts.
    call: Option<String>,
    /// None: always; else the first that counts is 0.
    nth: Option<usize>,
    counted: usize,
    fault: Fault,
}

// === impl Lie ===

impl Lie {
    /// One of each kind.
    pub const ALL: [Self; 7] = [
        Self::Empty,
        Self::Shorter,
        Self::Half,
        Self::Longer,
        Self::Count,
        Self::Garbage,
        Self::Elsewhere,
    ];

    pub(crate) fn apply(self, mut bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Empty => Vec::new(),
            Self::Shorter => {
                bytes.pop();
                bytes
            }
            Self::Half => {
                bytes.truncate(bytes.len() / 2);
                bytes
            }
            Self::Longer => {
                bytes.resize(bytes.len() + 300 * 1024, b'x');
                bytes
            }
            Self::Count => {
                bytes.iter_mut().take(4).for_each(|byte| *byte = 0xff);
                bytes
            }
            Self::Garbage => {
                bytes.fill(0xff);
                bytes
            }
            Self::Elsewhere => bytes,
            Self::Are(bytes) => bytes,
        }
    }
}

// === impl Faults ===

impl Faults {
    /// Every call of this name has the fault.
    pub fn always(&mut self, call: &str, fault: Fault) {
        self.add(Some(call), None, fault);
    }

    /// Only one of the coming calls of this name has it; the next one is 0.
    pub fn nth(&mut self, call: &str, nth: usize, fault: Fault) {
        self.add(Some(call), Some(nth), fault);
    }

    /// Only one of all coming calls has it; the next one is 0.
    pub fn nth_of_all(&mut self, nth: usize, fault: Fault) {
        self.add(None, Some(nth), fault);
    }

    /// No faults any more.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    fn add(&mut self, call: Option<&str>, nth: Option<usize>, fault: Fault) {
        self.0.push(Rule {
            call: call.map(str::to_owned),
            nth,
            counted: 0,
            fault,
        });
    }

    /// The fault of a call that is being made.
    pub(crate) fn strike(&mut self, call: &str) -> Option<Fault> {
        let mut struck = None;
        for rule in &mut self.0 {
            if rule.call.as_deref().is_none_or(|name| name == call) {
                if rule.nth.is_none_or(|nth| nth == rule.counted) {
                    struck = Some(rule.fault.clone());
                }
                rule.counted += 1;
            }
        }
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_strike_when_they_should() {
        let mut faults = Faults::default();
        faults.nth("a", 1, Fault::Status(2));
        assert_eq!(faults.strike("a"), None);
        assert_eq!(faults.strike("b"), None);
        assert_eq!(faults.strike("a"), Some(Fault::Status(2)));
        assert_eq!(faults.strike("a"), None);

        faults.clear();
        faults.nth_of_all(1, Fault::Status(2));
        assert_eq!(faults.strike("a"), None);
        assert_eq!(faults.strike("b"), Some(Fault::Status(2)));
        assert_eq!(faults.strike("b"), None);
    }
}
