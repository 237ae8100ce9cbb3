//! Services: the server's own handshake, no client installed. Each is a pure encoder and decoder over
//! bytes and a few lines of conversation.

pub mod amqp;
pub mod cassandra;
pub mod fcgi;
pub mod grpc;
pub mod kafka;
pub mod ldap;
pub mod memcached;
pub mod mongodb;
pub mod mqtt;
pub mod mssql;
pub mod mysql;
pub mod nats;
pub mod postgres;
pub mod redis;
pub mod zookeeper;

use crate::attempt::Attempt;
use crate::input::{Authority, Options, Target, Usage};
use crate::net::conversation::{Conversation, Decoded};
use crate::net::{Peer, hello};
use crate::verdict::{Failure, quote};

/// What each service reads of its target first: the URL's parts, and the peer.
fn parts<'t>(
    target: &'t Target,
    options: &mut Options<'_>,
) -> Result<(&'t Authority, Box<Peer>), Usage> {
    Ok((target.authority()?, Peer::parse(target, options)?))
}

/// For services that take a user but know no path.
fn no_path(target: &Target, authority: &Authority) -> Result<(), Usage> {
    match authority.path.as_str() {
        "" | "/" => Ok(()),
        _ => Err(target.wrong("want no path: nothing is subscribed to")),
    }
}

/// Connects for a conversation.
fn open<'w>(peer: &Peer, attempt: &'w Attempt<'w>) -> Result<Conversation<'w>, Failure> {
    Ok(Conversation::new(peer.open(attempt)?, Vec::new()))
}

/// Reads one message of what has come; it may know what was asked. Behind a pointer, so that those
/// of one type share one instance of the reading loop.
type Decode<'d, T> = &'d dyn Fn(&[u8]) -> Decoded<T>;

/// One question and its answer, over a connection of its own. `secure` is what a server that speaks
/// TLS wants instead, where there is something.
fn once<T>(
    peer: &Peer,
    attempt: &Attempt<'_>,
    request: &[u8],
    (what, secure): (&str, &str),
    decode: Decode<'_, T>,
) -> Result<T, Failure> {
    let mut talk = open(peer, attempt)?;
    let answer = ask(&mut talk, request, what, decode);
    let answer = answer.map_err(|failure| or_tls(failure, &mut talk, peer, secure));
    talk.close();
    answer
}

/// Sends `request`, if there is one, and reads one answer. A server may refuse and close before
/// it has read everything: its answer counts.
// Inlined into each of its users, it costs 400 bytes.
#[inline(never)]
fn ask<T>(
    talk: &mut Conversation<'_>,
    request: &[u8],
    what: &str,
    decode: Decode<'_, T>,
) -> Result<T, Failure> {
    let unsent = if request.is_empty() { None } else { talk.send(request).err() };
    talk.receive(what, decode).map_err(|failure| unsent.unwrap_or(failure))
}

/// The failure of a first answer, with a hint where the peer hung up without a word: OpenSSL sends
/// no alert to those who do not start with TLS. A second look, made only here, tells whether it
/// speaks TLS.
fn or_tls(failure: Failure, talk: &mut Conversation<'_>, peer: &Peer, secure: &str) -> Failure {
    match peer.tls {
        None if talk.is_mute() && !secure.is_empty() => {
            // A server that takes one connection after another waits for the end of this one.
            talk.finish();
            let (who, perhaps) = match hello::is_answered(peer.open(talk.attempt())) {
                true => ("a TLS server answers here: ", ""),
                false => ("", " if it speaks TLS here"),
            };
            // not a verdict: part of one
            failure.with(&[who, "want ", secure, perhaps].concat())
        }
        _ => failure,
    }
}

/// A line that starts with one of `starts`, without its end. Anything else is an error with the
/// first byte that cannot be part of one, so that nobody waits for the end of a line that is none.
fn line(bytes: &[u8], starts: &[&str], wrong: &str) -> Decoded<String> {
    let fits = |start: &&str| start.bytes().zip(bytes).all(|(want, got)| want == *got);
    if !starts.iter().any(fits) {
        return Err(wrong.into());
    }
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return Ok(None);
    };
    // A start that was cut short by the end of its line fits no longer, since none holds one.
    let text = bytes.get(..end).unwrap_or_default().trim_ascii_end();
    Ok(Some((String::from_utf8_lossy(text).into_owned(), end + 1)))
}

/// A refusal in the server's words: `PING answered "LOADING ...", want PONG`.
fn answered(what: &str, answer: &str, want: &str) -> Failure {
    // not a verdict: part of one
    Failure::mismatch(what, &["answered \"", &quote(answer.as_bytes()), "\""].concat(), want)
}

/// What every decoder must survive: each prefix of `valid`, each byte of it changed to each value,
/// and 64 KiB of noise, alone and behind each of the first bytes. No prefix may pass for the whole.
#[cfg(test)]
pub(crate) fn torture<T>(valid: &[u8], decode: impl Fn(&[u8]) -> Decoded<T>) {
    match decode(valid) {
        Ok(Some((_, used))) => assert_eq!(used, valid.len(), "all of it is used"),
        _ => panic!("the valid answer is refused"),
    }
    for end in 0..valid.len() {
        assert!(matches!(decode(&valid[..end]), Ok(None)), "{end} bytes pass for the whole");
    }
    let mut changed = valid.to_vec();
    for i in 0..valid.len() {
        for byte in 0..=255 {
            changed[i] = byte;
            if let Ok(Some((_, used))) = decode(&changed) {
                assert!(used <= changed.len(), "more than there is was used");
            }
        }
        changed[i] = valid[i];
    }
    // xorshift64, seeded so that a failure comes again.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = Vec::with_capacity(65_536);
    while noise.len() < 65_536 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    for kept in 0..valid.len().min(64) {
        for from in (0..noise.len()).step_by(4099) {
            let input = [&valid[..kept], &noise[from..]].concat();
            if let Ok(Some((_, used))) = decode(&input) {
                assert!(used <= input.len(), "more than there is was used");
            }
        }
    }
}
