//! The form in which headers cross the boundary (`pairs_util.cc` in proxy-wasm-cpp-host): the number of pairs,
//! the sizes of each name and value, then each name and value with a NUL behind it. Numbers are little-endian u32.

use std::slice;

/// The pairs in the host's bytes, borrowed.
pub struct Pairs<'a> {
    /// Of each, the name's and the value's.
    sizes: slice::Iter<'a, [[u8; 4]; 2]>,
    data: &'a [u8],
}

/// Reads pairs; nothing where the bytes do not have the form.
pub fn read(bytes: &[u8]) -> Option<Pairs<'_>> {
    let (count, rest) = bytes.split_first_chunk()?;
    let (sizes, data) = rest.split_at_checked(size(*count)?.checked_mul(8)?)?;
    let sizes = sizes.as_chunks().0.as_chunks().0;
    // All of them, or what is not there would be missing without a word.
    let mut needed = 0_usize;
    for [name, value] in sizes {
        let pair = size(*name)?.checked_add(size(*value)?)?.checked_add(2)?;
        needed = needed.checked_add(pair)?;
    }
    let sizes = sizes.iter();
    (needed <= data.len()).then_some(Pairs { sizes, data })
}

/// Pairs in the host's form.
pub fn write(pairs: &[(&str, &str)]) -> Vec<u8> {
    let size = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
    let texts = pairs.iter().map(|(name, value)| name.len() + value.len());
    let mut bytes = Vec::with_capacity(4 + 10 * pairs.len() + texts.sum::<usize>());
    let count = u32::try_from(pairs.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&count.to_le_bytes());
    for (name, value) in pairs {
        bytes.extend_from_slice(&size(name));
        bytes.extend_from_slice(&size(value));
    }
    for (name, value) in pairs {
        for text in [name, value] {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
    }
    bytes
}

// === impl Pairs ===

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [name, value] = self.sizes.next()?;
        Some((self.text(*name)?, self.text(*value)?))
    }
}

impl<'a> Pairs<'a> {
    fn text(&mut self, length: [u8; 4]) -> Option<&'a [u8]> {
        let (text, rest) = self.data.split_at_checked(size(length)?)?;
        // The NUL behind it.
        (_, self.data) = rest.split_first()?;
        Some(text)
    }
}

fn size(bytes: [u8; 4]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}
