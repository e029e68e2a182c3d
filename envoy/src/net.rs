//! Loopback ports.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::random;

/// The loopback address with a port.
pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A port that nobody listens on at the moment. Somebody else may take it before you do: try again then.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(loopback(0))?.local_addr()?.port())
}

/// Where the ports begin that systems give to clients (Linux: 32768, others from 49152).
const CLIENTS: u16 = 32_768;

/// The first port that is nobody's by name, or near enough.
const FREE: u16 = 12_000;

/// A port that nobody listens on, and that the system gives to no client: for who comes back to it after a while.
pub fn lasting_port() -> io::Result<u16> {
    let mut refused = io::ErrorKind::AddrNotAvailable.into();
    for _ in 0..100 {
        let chosen = random::below(usize::from(CLIENTS - FREE)).unwrap_or_default();
        let port = FREE + u16::try_from(chosen).unwrap_or_default();
        match listen(port) {
            Ok(()) => return Ok(port),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// Whether `port` can be listened on, or why not.
pub fn listen(port: u16) -> io::Result<()> {
    TcpListener::bind(loopback(port)).map(drop)
}
