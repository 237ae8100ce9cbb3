//! A service that greets on TCP port 7000, as SMTP, FTP and many others do.

use std::io::Write;
use std::net::TcpListener;

fn main() -> std::io::Result<()> {
    for client in TcpListener::bind("[::]:7000")?.incoming() {
        // A client that is gone already is its own loss.
        let _ = client.and_then(|mut client| client.write_all(b"220 app ready\r\n"));
    }
    Ok(())
}
