//! `nc`: a connection opens; with a pipe in front, the text is sent.

use super::Call;
use super::expr::{Arguments, Expr, Output, Reads, give, join};
use super::options::{self, Style};
use crate::text::{Wrong, hex_digits};

const OPTIONS: &str = "z.zero v.verbose w:wait u.udp U.unixsock n.nodns 4. 6. N. q:quit i:idle t. _.send-only _.recv-only";

/// Reads its words, and what a pipe brings.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let mut operands: Arguments = Vec::new();
    let mut own: Arguments = Vec::new();
    let (mut udp, mut unix, mut zero) = (false, false, false);
    options::read(call, Style::Getopt, OPTIONS, &mut |key, value| {
        match key {
            0 => operands.push(value.to_vec()),
            b'u' => udp = true,
            b'U' => unix = true,
            b'z' => zero = true,
            b'w' => give(&mut own, "--timeout=", value),
            b'4' => give(&mut own, "--ipv4", b""),
            b'6' => give(&mut own, "--ipv6", b""),
            _ => {}
        }
        Ok(())
    })?;
    let target = match (operands.as_slice(), unix, udp) {
        ([path], true, false) => join(&[b"unix://", path]),
        ([host, port], false, _) => address(if udp { b"udp://" } else { b"tcp://" }, host, port),
        _ => return Err(call.refuse("want HOST PORT")),
    };
    let mut arguments = vec![target];
    arguments.append(&mut own);
    match &call.stdin {
        _ if zero => {}
        None => {}
        Some(Reads { output: Output::Text(text), .. }) if text.is_empty() => {}
        Some(Reads { output: Output::Text(text), .. }) => {
            arguments.push(join(&[b"--send=", &escaped(text)]));
        }
        Some(_) => return Err(call.refuse("want echo or printf in front of the pipe")),
    }
    if udp && arguments.len() == 1 {
        return Err(call.refuse(
            "want a text to send: over UDP silence proves nothing; natively also listen:PORT --udp",
        ));
    }
    let output = if zero { Output::Text(Vec::new()) } else { Output::Body(arguments.clone()) };
    Ok(Reads { expr: Expr::Native(arguments), output })
}

/// `tcp://HOST:PORT`, an IPv6 address in brackets.
pub fn address(scheme: &[u8], host: &[u8], port: &[u8]) -> Vec<u8> {
    match host.contains(&b':') && !host.starts_with(b"[") {
        true => join(&[scheme, b"[", host, b"]:", port]),
        false => join(&[scheme, host, b":", port]),
    }
}

/// As `--send` and `--expect` of a stream read it.
pub fn escaped(text: &[u8]) -> Vec<u8> {
    let mut out = String::new();
    for byte in text {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\\' => out.push_str("\\\\"),
            b' '..=b'~' => out.push(char::from(*byte)),
            byte => {
                out.push_str("\\x");
                hex_digits(*byte, &mut out);
            }
        }
    }
    out.into_bytes()
}
