//! Who answers, told by the first bytes.

/// Who answers like this, where the first bytes tell: the commonest mistake is the right host
/// with the wrong port, or TLS where there is none.
pub fn recognise(bytes: &[u8]) -> Option<&'static str> {
    /// First bytes, and whose they are. The first match wins.
    const KNOWN: &[(&[u8], &str)] = &[
        (b"HTTP/1.", "an HTTP/1 server answers here"),
        (b"\x15\x03", "a TLS server answers here: it wants TLS"),
        (b"\x16\x03", "a TLS server answers here: it wants TLS"),
        (b"SSH-", "an SSH server answers here"),
        (b"-ERR ", "a Redis server answers here"),
        (b"-NOAUTH", "a Redis server answers here"),
        (b"-DENIED", "a Redis server answers here"),
        (b"+OK", "a Redis or POP3 server answers here"),
        (b"220 ", "an SMTP or FTP server answers here"),
        (b"* OK", "an IMAP server answers here"),
        (b"INFO {", "a NATS server answers here"),
        (b"AMQP", "an AMQP server answers here"),
        (b"ERROR\r\n", "a memcached server answers here"),
        (b"RFB ", "a VNC server answers here"),
        (b"\x05\0\0\0\x0b\x08\x05", "MySQL's X Protocol answers here, not the classic one"),
    ];
    if let Some((_, who)) = KNOWN.iter().find(|(first, _)| bytes.starts_with(first)) {
        return Some(who);
    }
    match bytes {
        // RFC 9113 section 3.4: the server's preface is a SETTINGS frame on stream 0.
        [0, _, _, 4, 0, 0, 0, 0, 0, ..] => Some("an HTTP/2 server answers here"),
        // MySQL: a packet of less than 64 KiB, number 0, protocol version 10, or an ERR packet.
        [_, _, 0, 0, 10 | 0xff, ..] => Some("a MySQL or MariaDB server answers here"),
        // PostgreSQL: an ErrorResponse of less than 64 KiB that starts with its severity.
        [b'E', 0, 0, _, _, b'S', ..] => Some("a PostgreSQL server answers here"),
        _ => None,
    }
}
