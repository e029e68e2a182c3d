//! Header maps, and the form in which they cross the boundary.

use std::fmt;

/// Headers in their order, names in lower case. Values are bytes: Envoy lets any from 0x20 through.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Vec<u8>, Vec<u8>)>);

/// More than this from the module counts as no header at all (`pairs_util.cc`).
const MOST_PAIRS: usize = 1024;

// === impl Headers ===

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first value of a name, as text.
    pub fn get(&self, name: &str) -> Option<String> {
        self.value(name.as_bytes())
            .map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// All values of a name, as text.
    pub fn all(&self, name: &str) -> Vec<String> {
        let named = |(known, _): &&(Vec<u8>, Vec<u8>)| known == name.as_bytes();
        let values = self.0.iter().filter(named);
        values
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// All names, as text.
    pub fn names(&self) -> Vec<String> {
        let names = self.0.iter();
        names
            .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
            .collect()
    }

    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (&name[..], &value[..]))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn value(&self, name: &[u8]) -> Option<&[u8]> {
        let found = self
            .0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &value[..])
    }

    /// Adds one, also where there is one of that name.
    pub fn add(&mut self, name: &[u8], value: &[u8]) {
        self.0.push((name.to_ascii_lowercase(), value.to_vec()));
    }

    pub(crate) fn remove(&mut self, name: &[u8]) {
        self.0
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// Removes all of the name and adds one at the end.
    pub(crate) fn replace(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.add(name, value);
    }

    /// As Envoy hands them over: nothing at all for an empty map.
    pub(crate) fn encode(&self) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut bytes = number(self.len()).to_vec();
        for (name, value) in &self.0 {
            bytes.extend(number(name.len()));
            bytes.extend(number(value.len()));
        }
        for (name, value) in &self.0 {
            for text in [name, value] {
                bytes.extend_from_slice(text);
                bytes.push(0);
            }
        }
        bytes
    }

    /// As Envoy reads them: nothing where the form is wrong.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        Self::try_decode(bytes).unwrap_or_default()
    }

    fn try_decode(bytes: &[u8]) -> Option<Self> {
        let numbers = |at: usize| {
            let bytes = bytes.get(at * 4..)?.first_chunk()?;
            usize::try_from(u32::from_le_bytes(*bytes)).ok()
        };
        let count = numbers(0).filter(|count| *count <= MOST_PAIRS)?;
        let mut rest = bytes.get(4 + count * 8..)?;
        let mut text = |size: usize| {
            let text = rest.get(..size)?;
            rest = rest.get(size + 1..)?;
            Some(text)
        };
        let mut headers = Self::new();
        for pair in 0..count {
            let name = text(numbers(1 + pair * 2)?)?;
            let value = text(numbers(2 + pair * 2)?)?;
            headers.add(name, value);
        }
        Some(headers)
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self
            .iter()
            .map(|(name, value)| format!("{}: {}", name.escape_ascii(), value.escape_ascii()));
        f.debug_list().entries(lines).finish()
    }
}

fn number(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut headers = Headers::new();
        headers.add(b":Path", b"/");
        headers.add(b"x", b"\xff");
        headers.add(b"x", b"");
        assert_eq!(Headers::decode(&headers.encode()), headers);
        assert_eq!(Headers::decode(&headers.encode()[..30]), Headers::new());
    }

    #[test]
    fn names_have_no_case_and_a_replaced_header_goes_to_the_end() {
        let mut headers = Headers::new();
        headers.add(b"A", b"1");
        headers.add(b"b", b"2");
        headers.add(b"a", b"3");
        assert_eq!(headers.value(b"A"), Some(&b"1"[..]));
        headers.replace(b"A", b"4");
        assert_eq!(headers.names(), ["b", "a"]);
        assert_eq!(headers.all("a"), ["4"]);
    }
}
