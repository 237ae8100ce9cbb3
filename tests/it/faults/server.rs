//! Servers that misbehave as a script says: one connection, one script.

use crate::support::closed_port;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use healthcheck::checks::http::ws;
use rustix::net::{listen, sockopt};

/// What the server does next.
#[derive(Clone)]
pub enum Step {
    /// Waits for something from the client.
    Hear,
    /// Writes.
    Say(Vec<u8>),
    /// Writes a byte at a time, with this pause before each.
    Drip(Vec<u8>, Duration),
    /// Writes this again and again.
    Flood(Vec<u8>),
    /// Writes this again and again, a byte at a time, with this pause before each.
    DripForever(Vec<u8>, Duration),
    /// Ends its half of the connection, and goes on reading.
    Fin,
    /// Ends the connection with a reset.
    Reset,
}

/// What becomes of a connection attempt.
#[derive(Clone)]
pub enum Listen {
    /// It is accepted, and the script is followed; then the connection is held until the client
    /// ends it.
    Accept(Vec<Step>),
    /// Nobody listens.
    Refuse,
    /// The backlog is full, so that nothing answers.
    Full,
    /// It is handed, by way of the TLS front on this port, to another server, and what comes back
    /// is cut or slowed down.
    Relay(Box<Listen>, u16, Relay),
    /// UDP: these datagrams answer each one that comes; TCP on the same port does what is said.
    Datagrams(Vec<Vec<u8>>, Box<Listen>),
}

/// What becomes of a sound server's answers.
#[derive(Clone)]
pub enum Relay {
    /// All comes through, and is counted.
    Count(Arc<AtomicUsize>),
    /// This many bytes come through, then the connection ends.
    Cut(usize),
    /// A byte at a time, with this pause before each.
    Drip(Duration),
}

/// Something that holds a port for as long as a client may come.
pub struct Held {
    pub port: u16,
    _listener: Option<TcpListener>,
    _queued: Vec<TcpStream>,
}

/// Puts such a server on a port of 127.0.0.1. `echo`: of the bytes it writes, those of the
/// request's identity are taken from the request.
pub fn serve(listen: &Listen, echo: bool) -> Held {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let held = Held { port, _listener: None, _queued: Vec::new() };
    match listen.clone() {
        Listen::Refuse => Held { port: closed_port(), ..held },
        Listen::Full => full(listener),
        Listen::Accept(steps) => {
            thread::spawn(move || {
                let (stream, _) = listener.accept().expect("a client");
                Script { stream, heard: Vec::new(), said: 0, echo, accepted: 0 }.follow(&steps);
            });
            held
        }
        Listen::Relay(sound, front, how) => {
            let to = behind(front, serve(&sound, echo).port);
            thread::spawn(move || {
                let (client, _) = listener.accept().expect("a client");
                relay(client, TcpStream::connect(to).expect("the sound server"), how);
            });
            held
        }
        Listen::Datagrams(answers, tcp) => {
            // The other way round, so that both have the same port.
            drop(listener);
            let mut tcp = serve(&tcp, echo);
            let Ok(socket) = UdpSocket::bind(("127.0.0.1", tcp.port)) else {
                return serve(listen, echo);
            };
            tcp.port = socket.local_addr().expect("an address").port();
            thread::spawn(move || datagrams(&socket, &answers, echo));
            tcp
        }
    }
}

/// Where the TLS front hands its clients to the server on `port`.
pub fn behind(front: u16, port: u16) -> SocketAddr {
    let [high, low] = port.to_be_bytes();
    SocketAddr::from(([127, 0, high, low], front))
}

/// A listener whose queue is full: who comes now is not answered.
pub fn full(listener: TcpListener) -> Held {
    listen(&listener, 0).expect("a shorter queue");
    let address = listener.local_addr().expect("an address");
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(50)) {
        queue.push(stream);
        assert!(queue.len() < 10, "the queue never fills");
    }
    Held { port: address.port(), _listener: Some(listener), _queued: queue }
}

struct Script {
    stream: TcpStream,
    heard: Vec<u8>,
    said: usize,
    echo: bool,
    /// How many bytes of a WebSocket's Accept were said.
    accepted: usize,
}

impl Script {
    fn follow(mut self, steps: &[Step]) {
        let _ = self.stream.set_nodelay(true);
        for step in steps {
            let alive = match step {
                Step::Hear => self.hear(),
                Step::Say(bytes) => self.say(bytes),
                Step::Drip(bytes, pause) => bytes.iter().all(|byte| {
                    thread::sleep(*pause);
                    self.say(&[*byte])
                }),
                Step::Flood(bytes) => {
                    let chunk = bytes.repeat(16_384_usize.div_ceil(bytes.len()));
                    while self.say(&chunk) {
                        // Fast enough for every limit, and the others live too.
                        thread::sleep(Duration::from_millis(2));
                    }
                    false
                }
                Step::DripForever(bytes, pause) => bytes.iter().cycle().all(|byte| {
                    thread::sleep(*pause);
                    self.say(&[*byte])
                }),
                Step::Fin => self.stream.shutdown(Shutdown::Write).is_ok(),
                Step::Reset => {
                    let _ = sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
                    return;
                }
            };
            if !alive {
                return;
            }
        }
        while self.hear() {}
    }

    fn hear(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(n @ 1..) => {
                self.heard.extend_from_slice(&buffer[..n]);
                true
            }
            _ => false,
        }
    }

    fn say(&mut self, bytes: &[u8]) -> bool {
        let mut bytes = bytes.to_vec();
        for (i, byte) in bytes.iter_mut().enumerate() {
            // DNS over TCP: two bytes of length, two of identity.
            if let (true, at @ 2..=3) = (self.echo, self.said + i) {
                *byte = self.heard.get(at).copied().unwrap_or(0);
            }
            if *byte == b'#'
                && let Some(accept) = accept(&self.heard)
            {
                *byte = accept.as_bytes().get(self.accepted).copied().unwrap_or(b'#');
                self.accepted += 1;
            }
        }
        self.said += bytes.len();
        self.stream.write_all(&bytes).is_ok()
    }
}

/// What the key of a WebSocket's handshake is answered with.
fn accept(heard: &[u8]) -> Option<String> {
    let heard = str::from_utf8(heard.split(|byte| *byte == 0x88).next()?).ok()?;
    let (_, rest) = heard.split_once("Sec-WebSocket-Key: ")?;
    Some(ws::accept(rest.split_once("\r\n")?.0))
}

fn relay(mut client: TcpStream, mut server: TcpStream, how: Relay) {
    let (mut from, mut to) =
        (client.try_clone().expect("a copy"), server.try_clone().expect("one"));
    let up = thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut left = match how {
        Relay::Cut(bytes) => bytes,
        Relay::Drip(_) | Relay::Count(_) => usize::MAX,
    };
    let mut buffer = [0; 4096];
    while left > 0 {
        let most = left.min(buffer.len());
        let Ok(n @ 1..) = server.read(&mut buffer[..most]) else { break };
        left -= n;
        if let Relay::Count(count) = &how {
            count.fetch_add(n, Ordering::SeqCst);
        }
        let sent = match &how {
            Relay::Cut(_) | Relay::Count(_) => client.write_all(&buffer[..n]).is_ok(),
            Relay::Drip(pause) => buffer[..n].iter().all(|byte| {
                thread::sleep(*pause);
                client.write_all(&[*byte]).is_ok()
            }),
        };
        if !sent {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Write);
    let _ = up.join();
}

/// Answers what comes for as long as a client may live.
fn datagrams(socket: &UdpSocket, answers: &[Vec<u8>], echo: bool) {
    let _ = socket.set_read_timeout(Some(Duration::from_secs(4)));
    let mut buffer = [0; 600];
    while let Ok((_, from)) = socket.recv_from(&mut buffer) {
        for answer in answers {
            let mut answer = answer.clone();
            if let (true, Some(identity)) = (echo, answer.get_mut(..2)) {
                identity.copy_from_slice(&buffer[..2]);
            }
            let _ = socket.send_to(&answer, from);
        }
    }
}
