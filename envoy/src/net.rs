//! Loopback ports.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The loopback address with a port.
pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A port that nobody listens on at the moment. Somebody else may take it before you do: try again then.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(loopback(0))?.local_addr()?.port())
}

/// Whether `port` can be listened on, or why not.
pub fn listen(port: u16) -> io::Result<()> {
    TcpListener::bind(loopback(port)).map(drop)
}
