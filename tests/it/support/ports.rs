//! Ports that no other test gets.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// A port of 127.0.0.1 for a server that is about to start. It lies below the range from which the
/// kernel picks ports for `bind` to 0 and for clients (ip_local_port_range), and each is given out
/// once: so nobody takes it in between. It is asked, not tried out by listening: a process that another
/// test starts at that moment would have a copy of the listener until it executes its program, and the
/// port would be open without a server.
pub fn free_port() -> u16 {
    static LEFT: Mutex<Range<u16>> = Mutex::new(0..0);
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        match left.next() {
            Some(port) if TcpStream::connect(("127.0.0.1", port)).is_err() => return port,
            Some(_) => {}
            None => *left = block(),
        }
    }
}

/// Ports that no other process of tests gives out: it would have to hold the one in front of them.
fn block() -> Range<u16> {
    const SIZE: u16 = 300;
    // Nobody waits for ports that another process has used a moment ago.
    let first = u16::try_from(std::process::id() % 75).unwrap_or(0);
    let starts = (0..75).map(|n| 10_000 + (first + n) % 75 * SIZE);
    let start = starts.into_iter().find_map(hold).expect("a block of ports that is nobody's");
    start + 1..start + SIZE
}

/// A port that refuses: bound and kept, so that nobody else gets it, but never listened on.
pub fn closed_port() -> u16 {
    hold(0).expect("a port")
}

/// Binds this port, or with 0 any, until the tests end.
fn hold(port: u16) -> Option<u16> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with};
    let flags = SocketFlags::CLOEXEC;
    let socket =
        socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).expect("a socket");
    bind(&socket, &SocketAddr::from(([127, 0, 0, 1], port))).ok()?;
    let address = SocketAddr::try_from(getsockname(&socket).expect("an address"));
    std::mem::forget(socket);
    Some(address.expect("an IP address").port())
}

/// A listener on ::1 alone: the same port of 127.0.0.1 refuses, and nobody else gets it.
pub fn ipv6_only() -> (TcpListener, u16) {
    std::iter::repeat_with(closed_port)
        .find_map(|port| Some((TcpListener::bind(("::1", port)).ok()?, port)))
        .expect("a port")
}

/// A listener that nobody accepts from: a peer that connects and stays silent.
pub fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

/// Whether a connection to the port opens.
pub fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}
