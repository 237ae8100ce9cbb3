//! What each kind of check is told when all is well, and how its protocol can be abused.

/// A kind of check and a valid conversation of its protocol.
pub struct Kind {
    pub name: &'static str,
    /// Arguments; `PORT` in them is the port.
    pub args: &'static [&'static str],
    /// Whether the server speaks first.
    pub greets: bool,
    /// What the server says, turn by turn; between them it waits for the client.
    pub turns: Vec<Vec<u8>>,
    /// How many of the last bytes are not needed for a verdict.
    pub spare: usize,
    /// Answers that never end: a start, and what follows for ever. The first is a head, or what
    /// comes closest; the second a body.
    pub endless: [(Vec<u8>, Vec<u8>); 2],
    /// Length fields of the answers: turn, place, width.
    pub lengths: &'static [(usize, usize, usize)],
    /// Whole answers whose lengths are lies.
    pub lies: Vec<Vec<u8>>,
    /// Whether bytes of the request come back in the answer.
    pub echo: bool,
    /// The same inside TLS: a name and its arguments.
    pub tls: Option<(&'static str, &'static [&'static str])>,
}

fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

pub fn kind(name: &'static str, args: &'static [&'static str], turns: &[&[u8]]) -> Kind {
    Kind {
        name,
        args,
        greets: false,
        turns: turns.iter().map(|turn| turn.to_vec()).collect(),
        spare: 0,
        endless: [(Vec::new(), b"x".to_vec()), (Vec::new(), b"\0".to_vec())],
        lengths: &[],
        lies: Vec::new(),
        echo: false,
        tls: None,
    }
}

/// All kinds over TCP.
pub fn kinds() -> Vec<Kind> {
    let mut kinds = texts();
    kinds.extend(web());
    kinds.extend(databases());
    kinds.extend(brokers());
    kinds.extend(directories());
    kinds.push(dns());
    kinds
}

fn web() -> Vec<Kind> {
    let head = b"HTTP/1.1 200 OK\r\n";
    let endless = || {
        [
            (bytes(&[head, b"A: "]), b"x".to_vec()),
            (bytes(&[head, b"Transfer-Encoding: chunked\r\n\r\n"]), b"5\r\nwrong\r\n".to_vec()),
        ]
    };
    let lies = |body: &[u8]| {
        let with = |lines: &[u8]| bytes(&[head, lines, b"\r\n", body]);
        vec![
            with(b"Content-Length: 99999999999999999999\r\n"),
            with(b"Content-Length: -1\r\n"),
            with(b"Content-Length: 3\r\n"),
            with(b"Content-Length: 4\r\nContent-Length: 5\r\n"),
            with(b"Content-Length: 0\r\n"),
            bytes(&[head, b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", body]),
            bytes(&[head, b"Transfer-Encoding: chunked\r\n\r\n-5\r\n", body]),
        ]
    };
    let known = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let json = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"ok\":true}";
    vec![
        Kind {
            spare: 1,
            endless: endless(),
            // The body is judged as soon as the text was seen: a length too long is never noticed.
            lies: lies(b"hello"),
            tls: Some(("https", &["https://localhost:PORT/x", "-e", "hell"])),
            ..kind("http", &["http://127.0.0.1:PORT/x", "-e", "hell"], &[known])
        },
        Kind {
            endless: endless(),
            lengths: &[(0, 33, 1), (0, 34, 1)],
            lies: lies(b"{\"ok\":true}"),
            ..kind(
                "http --expect-json",
                &["http://127.0.0.1:PORT/x", "--expect-json", "/ok=true"],
                &[json],
            )
        },
        websocket(),
        grpc(),
        fcgi(),
    ]
}

/// The signs `#` become what the key is answered with.
fn websocket() -> Kind {
    let head = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
        Sec-WebSocket-Accept: ############################\r\n\r\n";
    let close = b"\x88\x02\x03\xe8";
    Kind {
        endless: [
            (b"HTTP/1.1 101 X\r\nA: ".to_vec(), b"x".to_vec()),
            (head.to_vec(), b"\x89\x04ping".to_vec()),
        ],
        lies: vec![
            bytes(&[head, b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xffmore"]),
            bytes(&[head, b"\x88\x7e\0\x02\x03\xe8"]),
            bytes(&[head, b"\x88\x82\0\0\0\0\x03\xe8"]),
            bytes(&[head, b"\x88\x01\x03"]),
        ],
        tls: Some(("wss", &["wss://localhost:PORT/x"])),
        ..kind("ws", &["ws://127.0.0.1:PORT/x"], &[&bytes(&[head, close])])
    }
}

/// What grpcio sent.
fn grpc() -> Kind {
    let frame = |length: [u8; 3], kind: u8, flags: u8, call: u8, payload: &[u8]| {
        bytes(&[&length, &[kind, flags, 0, 0, 0, call], payload])
    };
    let settings = frame([0, 0, 0], 4, 0, 0, b"");
    let headers =
        |payload: &[u8]| bytes(&[&settings, &frame([0, 0, payload.len() as u8], 1, 4, 1, payload)]);
    // :status 200, content-type: application/grpc.
    let start = headers(b"\x88\x40\x0ccontent-type\x10application/grpc");
    let data =
        |payload: &[u8]| bytes(&[&start, &frame([0, 0, payload.len() as u8], 0, 0, 1, payload)]);
    Kind {
        endless: [
            // A head that goes on in CONTINUATION frames.
            (
                bytes(&[&settings, &frame([0, 0, 1], 1, 0, 1, b"\x88")]),
                frame([0, 0, 4], 9, 0, 1, b"\0\x01a\0"),
            ),
            (start.clone(), frame([0, 0, 0], 0, 0, 1, b"")),
        ],
        // Of the frames SETTINGS and HEADERS.
        lengths: &[(0, 0, 3), (0, 0x55, 3)],
        lies: vec![
            frame([0xff, 0xff, 0xff], 4, 0, 0, b""),
            data(b"\0\xff\xff\xff\xff\x08\x01"),
            data(b"\0\0\0\0\x09\x08\x01"),
            data(b"\0\0\0\0\x01\x08\x01"),
            headers(b"\x88\x40\x7fcontent-type"),
        ],
        tls: Some(("grpcs", &["grpcs://localhost:PORT"])),
        ..kind(
            "grpc",
            &["grpc://127.0.0.1:PORT"],
            &[include_bytes!("../../../fuzz/corpus/grpc/py-up")],
        )
    }
}

fn fcgi() -> Kind {
    let record = |kind: u8, content: &[u8]| {
        bytes(&[&[1, kind, 0, 1, 0, content.len() as u8, 0, 0], content])
    };
    let (out, end) = (record(6, b"Content-type: text/plain\r\n\r\npong"), record(3, &[0; 8]));
    Kind {
        endless: [
            (Vec::new(), record(6, b"A: b\r\n")),
            (record(6, b"A: b\r\n\r\n"), record(7, b"words")),
        ],
        lengths: &[(0, 4, 2), (0, 8 + 32 + 4, 2)],
        lies: vec![b"\x01\x06\0\x01\xff\xff\xff\0pong".to_vec()],
        ..kind("fcgi", &["fcgi://127.0.0.1:PORT/ping", "-e", "pong"], &[&[out, end].concat()])
    }
}

/// Protocols of lines, which have no lengths: theirs are those of replies that do not fit.
fn texts() -> Vec<Kind> {
    let lines = |start: &[u8], more: &[u8]| (start.to_vec(), more.to_vec());
    vec![
        Kind {
            endless: [lines(b"", b"x"), lines(b"", b"y\r\n")],
            lies: vec![b"99999\r\nimo".to_vec()],
            tls: Some(("tls", &["tls://localhost:PORT", "--send", "ruok", "-e", "imok"])),
            ..kind("tcp", &["tcp://127.0.0.1:PORT", "--send", "ruok", "-e", "imok"], &[b"imok"])
        },
        Kind {
            endless: [lines(b"-", b"x"), lines(b"+PONG", b"x")],
            lies: vec![
                b"$2147483647\r\nPONG\r\n".to_vec(),
                b"$4\r\nPONG\r\n".to_vec(),
                b"*-1\r\n".to_vec(),
                b"*1000000\r\n+PONG\r\n".to_vec(),
            ],
            tls: Some(("rediss", &["rediss://localhost:PORT"])),
            ..kind("redis", &["redis://127.0.0.1:PORT"], &[b"+PONG\r\n"])
        },
        Kind {
            endless: [lines(b"VERSION 1", b"1"), lines(b"CLIENT_ERROR ", b"x")],
            lies: vec![b"VALUE a 0 999999\r\nVERSION 1\r\n".to_vec()],
            ..kind("memcached", &["memcached://127.0.0.1:PORT"], &[b"VERSION 1.6.18\r\n"])
        },
        Kind {
            greets: true,
            endless: [lines(b"INFO {", b"x"), lines(b"", b"+OK\r\n")],
            lies: vec![b"MSG a 1 999999\r\nPONG\r\n".to_vec()],
            ..kind(
                "nats",
                &["nats://127.0.0.1:PORT"],
                &[b"INFO {\"version\":\"2.9.10\"}\r\n", b"PONG\r\n"],
            )
        },
    ]
}

fn databases() -> Vec<Kind> {
    // What the unit tests have of real servers.
    let postgres = bytes(&[
        b"R\0\0\0\x08\0\0\0\0",
        b"S\x00\x00\x00\x32server_version\x0015.18 (Debian 15.18-0+deb12u1)\x00",
        b"Z\0\0\0\x05I",
    ]);
    let greeting: &[u8] = b"\x64\0\0\0\x0a5.5.5-10.11.19-MariaDB-0+deb12u1\x00\x05\x00\x00\x00\
        ZNXOc&1`\x00\xfe\xf7\x08\x02\x00\xff\x81\x15\x00\x00\x00\x00\x00\x00\x1d\x00\x00\x00\
        tD7&U]Q^e_0n\x00mysql_native_password\x00";
    let mongodb: &[u8] = b"f\0\0\0\x07\0\0\0hc01\xdd\x07\0\0\x01\0\0\0\0M\0\0\0\
        \x08ismaster\0\0\x08secondary\0\x01\x02setName\0\x04\0\0\0rs0\0\x10maxWireVersion\0\x08\0\0\0\
        \x01ok\0\0\0\0\0\0\0\xf0?\0crc4";
    vec![
        Kind {
            endless: [
                (b"R\0\0\0\x08\0\0\0\0".to_vec(), b"N\0\0\0\x05\0".to_vec()),
                (b"S\0\0\xff\0server_version\0".to_vec(), b"1".to_vec()),
            ],
            lengths: &[(0, 1, 4), (0, 10, 4)],
            lies: vec![b"E\0\0\0\x80SFATAL\0C57P03\0\0".to_vec()],
            ..kind("postgres", &["postgres://127.0.0.1:PORT"], &[&postgres])
        },
        Kind {
            greets: true,
            endless: [
                (b"\x00\xff\0\0\x0a".to_vec(), b"8".to_vec()),
                (Vec::new(), b"\x02\0\0\x02\xfex".to_vec()),
            ],
            lengths: &[(0, 0, 3), (1, 0, 3)],
            lies: vec![b"\0\0\0\0".to_vec()],
            ..kind(
                "mysql",
                &["mysql://127.0.0.1:PORT"],
                &[greeting, b"\x07\0\0\x02\0\0\0\x02\0\0\0"],
            )
        },
        Kind {
            endless: [
                (bytes(&[b"\0\xff\0\0", &mongodb[4..25]]), b"\x08a\0\x01".to_vec()),
                (bytes(&[b"\0\xff\0\0", &mongodb[4..25]]), b"x".to_vec()),
            ],
            // The message's and the document's.
            lengths: &[(0, 0, 4), (0, 21, 4)],
            lies: vec![],
            ..kind("mongodb", &["mongodb://127.0.0.1:PORT"], &[mongodb])
        },
    ]
}

fn brokers() -> Vec<Kind> {
    let start = bytes(&[
        b"\0\x0a\0\x0a\0\x09\0\0\0\x13\x07productS\0\0\0\x06Broker",
        b"\0\0\0\x05PLAIN\0\0\0\x05en_US",
    ]);
    let amqp = bytes(&[b"\x01\0\0\0\0\0", &[start.len() as u8], &start, b"\xce"]);
    let kafka: &[u8] =
        b"\0\0\0\x1chc18\0\0\0\0\0\x03\0\0\0\0\0\x0b\0\x01\0\0\0\x10\0\x12\0\0\0\x04";
    vec![
        Kind {
            endless: [
                (b"\x01\0\0\0\0\xff\xf0\0\x0a\0\x0a\0\x09".to_vec(), b"x".to_vec()),
                (b"\x01\0\0\0\0\xff\xf0\0\x0a\0\x0a\0\x09".to_vec(), b"\x07productS".to_vec()),
            ],
            lengths: &[(0, 3, 4)],
            tls: Some(("amqps", &["amqps://localhost:PORT"])),
            ..kind("amqp", &["amqp://127.0.0.1:PORT"], &[&amqp])
        },
        Kind {
            endless: [
                (b"\x20\xff\x7f\0\x84".to_vec(), b"x".to_vec()),
                (b"\x20\x80\x01\0\x88".to_vec(), b"\0".to_vec()),
            ],
            lengths: &[(0, 1, 1)],
            lies: vec![b"\x20\xff\xff\xff\x7f\0\0".to_vec()],
            tls: Some(("mqtts", &["mqtts://localhost:PORT"])),
            ..kind("mqtt", &["mqtt://127.0.0.1:PORT"], &[b"\x20\x02\0\0"])
        },
        Kind {
            endless: [
                (b"\0\0\xff\xf0hc18\0\0".to_vec(), b"\0".to_vec()),
                (b"\0\0\xff\xf0hc18\0\0\0\0\x27\x10".to_vec(), b"\0\x01\0\0\0\x10".to_vec()),
            ],
            lengths: &[(0, 0, 4), (0, 10, 4)],
            ..kind("kafka", &["kafka://127.0.0.1:PORT"], &[kafka])
        },
    ]
}

/// Who answers one question with one message.
fn directories() -> Vec<Kind> {
    let zookeeper = b"Zookeeper version: 3.8.0\nLatency min/avg/max: 0/0.0/0\n";
    vec![
        Kind {
            endless: [
                (b"\x04\x01\xff\xf0\0\0\x01\0".to_vec(), b"\0".to_vec()),
                (b"\x04\x01\xff\xf0\0\0\x01\0\0\0\x0b\0\x06".to_vec(), b"x".to_vec()),
            ],
            lengths: &[(0, 2, 2)],
            lies: vec![b"\x04\x01\0\x0d\0\0\x01\0\0\xff\xf0\0\x06".to_vec()],
            ..kind(
                "mssql",
                &["mssql://127.0.0.1:PORT"],
                &[b"\x04\x01\0\x1a\0\0\x01\0\0\0\x0b\0\x06\x01\0\x11\0\x01\xff\x10\0\x03\xe8\0\0\0"],
            )
        },
        Kind {
            endless: [
                (b"\x84\0hc\x06\0\0\xff\xf0".to_vec(), b"\0".to_vec()),
                (b"\x84\0hc\0\0\0\xff\xf0\0\0\x10\x02".to_vec(), b"x".to_vec()),
            ],
            lengths: &[(0, 5, 4)],
            lies: vec![b"\x84\0hc\0\0\0\0\x02\0\0".to_vec()],
            ..kind(
                "cassandra",
                &["cassandra://127.0.0.1:PORT"],
                &[b"\x84\0hc\x06\0\0\0\x16\0\x01\0\x0bCOMPRESSION\0\x01\0\x03lz4"],
            )
        },
        Kind {
            endless: [
                (b"\x30\x82\xff\xf0\x02\x01\x01\x61".to_vec(), b"\x82".to_vec()),
                (b"\x30\x82\xff\xf0\x02\x01\x01\x61\x07\x0a\x01\0".to_vec(), b"\0".to_vec()),
            ],
            lengths: &[(0, 1, 1)],
            lies: vec![b"\x30\x84\x7f\xff\xff\xff\x02\x01\x01".to_vec()],
            tls: Some(("ldaps", &["ldaps://localhost:PORT"])),
            ..kind(
                "ldap",
                &["ldap://127.0.0.1:PORT"],
                &[b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0"],
            )
        },
        Kind {
            endless: [
                (zookeeper.to_vec(), b"Sent: 1\n".to_vec()),
                (bytes(&[zookeeper, b"Mode: "]), b"x".to_vec()),
            ],
            lies: vec![b"Zookeeper version: 3.8.0\nReceived: 99999999999\nMod".to_vec()],
            ..kind(
                "zookeeper",
                &["zookeeper://127.0.0.1:PORT"],
                &[&bytes(&[zookeeper, b"Mode: standalone\n"])],
            )
        },
    ]
}

/// The answer to a question for the address of a.test.
pub fn record(truncated: bool) -> Vec<u8> {
    let flags = if truncated { 0x83 } else { 0x81 };
    let answers = u8::from(!truncated);
    let mut message = bytes(&[
        &[0, 0, flags, 0x80, 0, 1, 0, answers, 0, 0, 0, 0],
        b"\x01a\x04test\0\0\x01\0\x01",
    ]);
    if !truncated {
        message.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01");
    }
    message
}

/// Over TCP, where the answer over UDP is truncated.
fn dns() -> Kind {
    let message = record(false);
    // As many records as there can be.
    let mut many = message.clone();
    many[6..8].fill(0xff);
    Kind {
        echo: true,
        endless: [
            (bytes(&[&[0xff, 0xff], &many]), b"x".to_vec()),
            (bytes(&[&[0xff, 0xff], &many]), message[24..].to_vec()),
        ],
        // Of the message, the number of records, and a record's.
        lengths: &[(0, 0, 2), (0, 2 + 6, 2), (0, 2 + 24 + 10, 2)],
        ..kind("dns (tcp)", &["dns://127.0.0.1:PORT/a.test"], &[&[&[0, 40][..], &message].concat()])
    }
}
