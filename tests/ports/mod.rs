//! Ports that no other test gets: shared by all test binaries (`#[path]`).

use std::net::TcpStream;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port of 127.0.0.1 for a server that is about to start. It lies below the range from which the
/// kernel picks ports for `bind` to 0 and for clients (ip_local_port_range), each is given out
/// once, and test binaries start at different ones: so nobody takes it in between. It is asked, not
/// tried out by listening: a process that another test starts at that moment would have a copy of the
/// listener until it executes its program, and the port would be open without a server.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 10_000 + u16::try_from(std::process::id() % 200).unwrap_or(0) * 100;
    loop {
        let port = start.wrapping_add(NEXT.fetch_add(1, Ordering::SeqCst));
        assert!(port >= 1024, "no port is left");
        if TcpStream::connect(("127.0.0.1", port)).is_err() {
            return port;
        }
    }
}
