//! The form in which headers cross the boundary (`pairs_util.cc` in proxy-wasm-cpp-host): the number of pairs,
//! the sizes of each name and value, then each name and value with a NUL behind it. Numbers are little-endian u32.

/// The pairs in the host's bytes, borrowed; nothing where the bytes do not have the form.
pub fn read(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut sizes = bytes;
    let count = usize::try_from(number(&mut sizes)?).ok()?;
    // Two numbers a pair: a count that the bytes cannot hold allocates nothing.
    let mut data = sizes.get(count.checked_mul(8)?..)?;
    let mut pairs = Vec::new();
    pairs.try_reserve_exact(count).ok()?;
    for _ in 0..count {
        let name_size = number(&mut sizes)?;
        let value_size = number(&mut sizes)?;
        pairs.push((text(&mut data, name_size)?, text(&mut data, value_size)?));
    }
    Some(pairs)
}

/// Pairs in the host's form.
pub fn write(pairs: &[(&str, &str)]) -> Vec<u8> {
    let size = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = u32::try_from(pairs.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes()
        .to_vec();
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

fn number(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number))
}

fn text<'a>(bytes: &mut &'a [u8], size: u32) -> Option<&'a [u8]> {
    let size = usize::try_from(size).ok()?;
    let text = bytes.get(..size)?;
    // The NUL behind it.
    *bytes = bytes.get(size.checked_add(1)?..)?;
    Some(text)
}
