//! Servers that the tests script; their threads end with the process.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// A port of 127.0.0.1 on which each connection is handed to `serve`; the thread ends with the
/// test process.
pub fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serve = std::sync::Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = std::sync::Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    port
}

/// A server that reads a request's head and answers with these bytes, then closes.
pub fn answers(bytes: impl Into<Vec<u8>>) -> u16 {
    let bytes = bytes.into();
    server(move |mut stream| {
        request(&mut stream);
        let _ = stream.write_all(&bytes);
        finish(stream);
    })
}

/// A server that answers as [`answers`] and hands over the requests it got.
pub fn records(bytes: &'static str) -> (u16, Receiver<String>) {
    let (sender, receiver) = channel();
    let sender = std::sync::Mutex::new(sender);
    let port = server(move |mut stream| {
        let request = request(&mut stream);
        let _ = sender.lock().expect("a sender").send(request);
        let _ = stream.write_all(bytes.as_bytes());
        finish(stream);
    });
    (port, receiver)
}

/// A server that says this to everyone, asked or not, and closes.
pub fn blurts(answer: impl Into<Vec<u8>>) -> u16 {
    let answer = answer.into();
    server(move |mut stream| {
        let _ = stream.write_all(&answer);
        finish(stream);
    })
}

/// A server that says this to everyone, asked or not, and then listens.
pub fn blurts_and_stays(answer: &'static [u8]) -> u16 {
    server(move |mut stream| {
        let _ = stream.write_all(answer);
        let _ = io::copy(&mut stream, &mut io::sink());
    })
}

/// Reads up to the empty line behind a head, and as much body as Content-Length says.
pub fn request(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    let _ = stream.read_exact(&mut body);
    text + &String::from_utf8_lossy(&body)
}

/// Closes so that the peer reads everything that was written.
pub fn finish(mut stream: TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let mut sink = [0; 4096];
    while matches!(stream.read(&mut sink), Ok(1..)) {}
}
