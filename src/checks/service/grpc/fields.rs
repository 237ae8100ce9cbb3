//! A header block, as far as it matters, and what makes a response malformed.

/// What a header block says; those of several fields of one name are joined.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// A field that is no pseudo-header was there.
    pub(super) regular: bool,
    /// `:status`
    pub(super) status: Option<Vec<u8>>,
    /// `content-type`
    pub(super) kind: Option<Vec<u8>>,
    /// `content-length`
    pub(super) length: Option<Vec<u8>>,
    /// `grpc-status`
    pub(super) code: Option<Vec<u8>>,
    /// `grpc-message`
    pub(super) message: Option<Vec<u8>>,
}

impl Fields {
    /// Takes one field, or says what makes the response malformed (RFC 9113 sections 8.2 and 8.3).
    pub(super) fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
        /// Those of one connection, which HTTP/2 has none of (section 8.2.2).
        const OF_CONNECTIONS: [&[u8]; 5] =
            [b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"];
        if name.starts_with(b":") {
            if name != b":status" || self.regular || self.status.is_some() {
                return Err(
                    "a pseudo-header that is late, second or unknown, which RFC 9113 forbids",
                );
            }
        } else {
            self.regular = true;
            let forbidden = |byte: &u8| matches!(byte, 0..=b' ' | b'A'..=b'Z' | b':' | 0x7f..);
            if name.is_empty() || name.iter().any(forbidden) {
                return Err("a field name of signs that RFC 9113 forbids");
            }
        }
        // Blanks around a value are forbidden too, but grpc-message may end with one.
        if value.iter().any(|byte| matches!(byte, b'\0' | b'\n' | b'\r')) {
            return Err("CR, LF or NUL in a field, which RFC 9113 forbids");
        }
        if OF_CONNECTIONS.contains(&name) {
            return Err("a field of HTTP/1 connections, which RFC 9113 forbids");
        }
        let field = match name {
            b":status" => &mut self.status,
            b"content-type" => &mut self.kind,
            b"content-length" => &mut self.length,
            b"grpc-status" => &mut self.code,
            b"grpc-message" => &mut self.message,
            _ => return Ok(()),
        };
        // A second one is not passed over: `0, 13` is no good status (RFC 9110 section 5.3).
        match field {
            Some(field) => field.extend_from_slice(&[b", ", value].concat()),
            None => *field = Some(value.to_vec()),
        }
        Ok(())
    }

    pub(super) fn has_status(&self, status: &[u8]) -> bool {
        self.status.as_deref() == Some(status)
    }

    pub(super) fn is_informational(&self) -> bool {
        matches!(self.status.as_deref(), Some([b'1', _, _]))
    }

    /// `application/grpc`, `application/grpc+proto`, `application/grpc; ...`.
    pub(super) fn is_grpc(&self) -> bool {
        let rest = self.kind.as_deref().and_then(|kind| kind.strip_prefix(b"application/grpc"));
        rest.is_some_and(|rest| matches!(rest, [] | [b'+' | b';', ..]))
    }
}
