//! A service to watch: `GET /healthz` is 200 until `POST /sick`, then 503 with the reason, until `POST /well`.
//!
//! `demo-server [--port PORT]` (default: `$PORT`, else 8080; 0 is any free port) listens on 127.0.0.1 and prints its URL.
//! `GET /hang` never answers. Standard library only, so that it also runs alone in a scratch image.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

static SICK: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when stderr is closed too.
            let _ = writeln!(io::stderr(), "demo-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port()?))?;
    writeln!(io::stdout(), "http://{}", listener.local_addr()?)?;
    for client in listener.incoming() {
        let client = client?;
        // A client that fails is its own loss; the service goes on.
        thread::spawn(move || answer(&client));
    }
    Ok(())
}

fn port() -> io::Result<u16> {
    let args: Vec<String> = env::args().skip(1).collect();
    let typed = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => env::var("PORT").unwrap_or_else(|_| "8080".to_owned()),
        ["--port", port] => port.to_owned(),
        _ => return Err(io::Error::other("usage: demo-server [--port PORT]")),
    };
    typed.parse().map_err(|_| io::Error::other(format!("port {typed}: want 0 to 65535")))
}

fn answer(mut client: &TcpStream) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(5)))?;
    // The head is small; a client that sends more than this is cut off.
    let mut lines = BufReader::new(client.take(16_384)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let mut words = request.split(' ');
    let (status, body) = match (words.next(), words.next()) {
        (Some("GET" | "HEAD"), Some("/healthz")) => {
            if SICK.load(Ordering::Relaxed) {
                ("503 Service Unavailable", "{\"db\":\"timeout\"}\n")
            } else {
                ("200 OK", "{\"status\":\"ok\"}\n")
            }
        }
        (Some("POST"), Some("/sick")) => {
            SICK.store(true, Ordering::Relaxed);
            ("200 OK", "sick from now on\n")
        }
        (Some("POST"), Some("/well")) => {
            SICK.store(false, Ordering::Relaxed);
            ("200 OK", "well again\n")
        }
        (Some("GET"), Some("/hang")) => loop {
            thread::park();
        },
        _ => ("404 Not Found", "GET /healthz, GET /hang, POST /sick, POST /well\n"),
    };
    let body = if request.starts_with("HEAD ") { "" } else { body };
    // In one piece: a client may take the first segment for the whole head.
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    client.write_all(answer.as_bytes())
}
