//! The smallest WebAssembly filter: what a request costs before a module does anything. In text form:
//!
//! ```wat
//! (module
//!   (memory (export "memory") 1)
//!   (func (export "proxy_abi_version_0_2_1"))
//!   (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 0))
//!   (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0)))
//! ```

const I32: u8 = 0x7f;

/// The export's kinds.
const FUNCTION: u8 = 0;
const MEMORY: u8 = 2;

/// The module as Envoy loads it (WebAssembly Core Specification, chapter 5). 0 is `Continue` to the host, and the
/// null that is allocated is never written to, since the module asks the host for nothing.
pub(super) fn module() -> Vec<u8> {
    let export = |name: &str, kind, index| [&text(name)[..], &[kind, index]].concat();
    let types = [
        vec![0x60, 0, 0],
        vec![0x60, 1, I32, 1, I32],
        vec![0x60, 3, I32, I32, I32, 1, I32],
    ];
    let functions = [vec![0], vec![1], vec![2]];
    let memories = [vec![0, 1]];
    let exports = [
        export("memory", MEMORY, 0),
        export("proxy_abi_version_0_2_1", FUNCTION, 0),
        export("proxy_on_memory_allocate", FUNCTION, 1),
        export("proxy_on_request_headers", FUNCTION, 2),
    ];
    // Size, no locals, `i32.const 0` or nothing, `end`.
    let bodies = [
        vec![2, 0, 0x0b],
        vec![4, 0, 0x41, 0, 0x0b],
        vec![4, 0, 0x41, 0, 0x0b],
    ];
    [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &types),
        section(3, &functions),
        section(5, &memories),
        section(7, &exports),
        section(10, &bodies),
    ]
    .concat()
}

fn section(number: u8, items: &[Vec<u8>]) -> Vec<u8> {
    let content = items.concat();
    [
        &[number, size(content.len() + 1), size(items.len())],
        &content[..],
    ]
    .concat()
}

fn text(text: &str) -> Vec<u8> {
    [&[size(text.len())], text.as_bytes()].concat()
}

/// LEB128 of less than 128, which all sizes here are: the test sees that.
fn size(size: usize) -> u8 {
    u8::try_from(size).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sizes_take_one_byte() {
        let module = module();
        let mut rest = &module[8..];
        let mut sections = Vec::new();
        while let [number, size, content @ ..] = rest {
            assert!(*size < 128);
            sections.push(*number);
            rest = &content[usize::from(*size)..];
        }
        assert_eq!(sections, [1, 3, 5, 7, 10]);
    }
}
