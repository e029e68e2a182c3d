//! The environment of the virtual machine (`vm_config.environment_variables`). Rust's standard library reads it too, but
//! ends the program where the host fails.

use super::{Error, Result, check, ffi, memory};

/// A variable's value; nothing where there is no such variable.
pub fn variable(name: &str) -> Result<Option<Vec<u8>>> {
    let (mut count, mut size) = (0, 0);
    check(unsafe { ffi::environ_sizes_get(&raw mut count, &raw mut size) })?;
    if count == 0 || size == 0 {
        return Ok(None);
    }
    // A start and a byte take five bytes at most.
    let room = count.max(size).checked_mul(8).ok_or(Error::Malformed)?;
    if !memory::has_room(room) {
        return Err(Error::Malformed);
    }
    let mut starts = vec![std::ptr::null_mut(); count];
    let mut bytes = vec![0; size];
    check(unsafe { ffi::environ_get(starts.as_mut_ptr(), bytes.as_mut_ptr()) })?;
    let mut entries = bytes.split(|byte| *byte == 0);
    let value = entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    Ok(value.map(<[u8]>::to_vec))
}
