//! Who answers, told by the first bytes.

use crate::text::row;

/// Who answers like this, where the first bytes tell: the commonest mistake is the right host
/// with the wrong port, or TLS where there is none.
pub fn recognise(bytes: &[u8]) -> Option<&'static str> {
    /// First bytes, and whose they are. The first match wins.
    const KNOWN: &str = "HTTP/1.=an HTTP/1 server answers here\
        |\x15\x03=a TLS server answers here: it wants TLS\
        |\x16\x03=a TLS server answers here: it wants TLS\
        |SSH-=an SSH server answers here\
        |-ERR =a Redis server answers here\
        |-NOAUTH=a Redis server answers here\
        |-DENIED=a Redis server answers here\
        |+OK=a Redis or POP3 server answers here\
        |220 =an SMTP or FTP server answers here\
        |* OK=an IMAP server answers here\
        |INFO {=a NATS server answers here\
        |AMQP=an AMQP server answers here\
        |ERROR\r\n=a memcached server answers here\
        |RFB =a VNC server answers here\
        |\x05\0\0\0\x0b\x08\x05=MySQL's X Protocol answers here, not the classic one";
    if let Some((_, who)) = row(KNOWN, &|first| bytes.starts_with(first.as_bytes())) {
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
