//! `mysql://`, `mariadb://`: the server greets with protocol 10 and answers a login.
//!
//! A client that hangs up after the greeting counts as a connect error against its host, and after
//! `max_connect_errors` (100) of them the server blocks the host: the check would break what it
//! watches. A login that is refused counts as none (`host_cache` of the performance schema), so the
//! check ends with one, without a password. An account of the user's name without a password and
//! without privileges makes even that refusal and its line in the error log go away.
//!
//! The packets: <https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html>

use super::{ask, open};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::{Options, Target, Usage};
use crate::net::Peer;
use crate::net::conversation::{Conversation, Decoded, claimed};
use crate::text::{Wrong, contains, pieces};
use crate::verdict::{Failure, Healthy, Verdict, quote};
use crate::wire::Reader;

/// A MySQL or MariaDB server.
#[derive(Debug)]
pub struct Mysql {
    peer: Box<Peer>,
    user: String,
}

/// CLIENT_LONG_PASSWORD, CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION, CLIENT_PLUGIN_AUTH.
const CAPABILITIES: u32 = 1 | 1 << 9 | 1 << 15 | 1 << 19;
const CLIENT_SSL: u16 = 1 << 11;

impl Check for Mysql {
    /// Takes `--tls` and what the peer takes; the user is `healthcheck` when none is given, or one
    /// with a password.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let authority = target.authority()?;
        // An application's own account is left alone: refused logins may lock it.
        let user = authority.user.clone().filter(|_| authority.password.is_none());
        let user = user.unwrap_or_else(|| "healthcheck".into());
        let peer = Peer::parse(target, options)?;
        Ok(Self { peer, user })
    }

    /// Reads the greeting and logs in without a password.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let mut talk = open(&self.peer, attempt)?;
        let greeting = ask(&mut talk, &[], "the greeting of MySQL or MariaDB", &decode)?;
        let (version, offers_tls) = match greeting.0 {
            Packet::Greeting { version, tls } => (version, tls),
            Packet::Error(error) => return Err(attempt.protocol(&error.text)),
            _ => return Err(attempt.protocol("the server begins without a greeting")),
        };
        let mut start = start_of_response(0);
        let mut number = 1;
        if let (Some(tls), true) = (&self.peer.tls, offers_tls) {
            start = start_of_response(CLIENT_SSL);
            talk.send(&packet(number, &start))?;
            talk = talk.secure(tls)?;
            number = 2;
        }
        let saw = self.login(&mut talk, number, start).map_err(|failure| {
            // It lets in nobody without a password, and says so in errors of its own numbers.
            match contains(version.as_bytes(), b"ClickHouse") {
                true => failure.with("want http://HOST:8123/ping for ClickHouse"),
                false => failure,
            }
        })?;
        talk.close();
        if self.peer.tls.is_some() && !offers_tls {
            return Err(attempt.protocol("the server does not offer TLS"));
        }
        Healthy::saw(["version ", &version, ", ", &saw].concat())
    }
}

impl Mysql {
    /// Completes HandshakeResponse41 without a password, and answers whatever the server asks for
    /// on top; what it said.
    fn login(
        &self,
        talk: &mut Conversation<'_>,
        mut number: u8,
        mut answer: Vec<u8>,
    ) -> Result<String, Failure> {
        answer.extend_from_slice(self.user.as_bytes());
        // No password, and the plugin that takes it for one.
        answer.extend_from_slice(b"\0\0mysql_native_password\0");
        let mut switched = false;
        loop {
            let request = packet(number, &answer);
            let (reply, last) =
                ask(talk, &request, "an answer to the login", &|bytes| decoded(bytes, switched))?;
            match reply {
                Packet::Switch { ed25519 } => {
                    switched = true;
                    // Without a password the answer is empty, but for this plugin, which counts
                    // one of any other length than a signature's as a connect error.
                    answer = vec![0; if ed25519 { 64 } else { 0 }];
                    number = last.wrapping_add(1);
                }
                Packet::Welcome => {
                    // COM_QUIT. The verdict is known: a farewell that got lost changes nothing.
                    let _ = talk.send(&packet(0, &[1]));
                    return Ok(["accepts ", &quote(self.user.as_bytes())].concat());
                }
                // Only a plugin that goes on without a password (parsec, pam) gets here, and hanging
                // up on those is no connect error.
                Packet::More => return Ok("asks for a password".into()),
                Packet::Error(error) if error.of_the_account => {
                    return Ok(["refuses this login: ", &error.text].concat());
                }
                Packet::Error(error) => return Err(talk.attempt().protocol(&error.text)),
                Packet::Greeting { .. } => {
                    return Err(talk.attempt().protocol("the server greets twice"));
                }
            }
        }
    }
}

/// A packet: three bytes of length, its number in the exchange.
fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX) | u32::from(number) << 24;
    [&length.to_le_bytes(), payload].concat()
}

/// What HandshakeResponse41 starts with and SSLRequest consists of: capabilities, longest packet
/// (16 MiB), character set (utf8), zeros.
fn start_of_response(more: u16) -> Vec<u8> {
    let capabilities = (CAPABILITIES | u32::from(more)).to_le_bytes();
    [&capabilities[..], &[0, 0, 0, 1, 33], &[0; 23]].concat()
}

/// What a server says until somebody is logged in.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet {
    /// HandshakeV10: the server's version, and whether it offers TLS.
    Greeting {
        /// As the server spells it, quoted.
        version: String,
        /// Whether it offers TLS.
        tls: bool,
    },
    /// AuthSwitchRequest, to `client_ed25519` or another plugin.
    Switch {
        /// Whether it is to that plugin.
        ed25519: bool,
    },
    /// AuthMoreData.
    More,
    /// OK.
    Welcome,
    /// ERR.
    Error(Error),
}

/// An ERR packet.
#[derive(Debug, PartialEq, Eq)]
pub struct Error {
    /// Whether it is about this login, and so from a server that lets others in.
    of_the_account: bool,
    /// Number, SQLSTATE, text.
    text: String,
}

/// A packet and its number.
pub fn decode(bytes: &[u8]) -> Decoded<(Packet, u8)> {
    decoded(bytes, false)
}

/// As [`decode`]; once the server has `switched` to a plugin, what is no packet of the protocol is that plugin's,
/// as the prompt of MariaDB's dialog is, which starts with its kind.
fn decoded(bytes: &[u8], switched: bool) -> Decoded<(Packet, u8)> {
    let Some(head) = Reader(bytes).u32_le() else {
        return Ok(None);
    };
    // Three bytes of length, and the number.
    let (end, number) = ((head & 0xff_ffff) as usize + 4, (head >> 24) as u8);
    let Some(payload) = claimed(bytes, 4, end)? else {
        return Ok(None);
    };
    let packet = match payload {
        [10, rest @ ..] => greeting(rest)?,
        // Rows, an identity, status and warnings are in every OK packet.
        [0, _, _, _, _, _, _, ..] => Packet::Welcome,
        [1, ..] => Packet::More,
        [0xfe, plugin @ ..] => Packet::Switch { ed25519: plugin.starts_with(b"client_ed25519\0") },
        [0xff, low, high, rest @ ..] => Packet::Error(error([*low, *high], rest)),
        [_, ..] if switched => Packet::More,
        [_, ..] => return Err("that is no MySQL".into()),
        [] => return Err("an empty packet".into()),
    };
    Ok(Some(((packet, number), end)))
}

/// HandshakeV10 behind its version: the server's version, thread (4), salt (8), a zero, the lower
/// capabilities.
fn greeting(rest: &[u8]) -> Result<Packet, Wrong> {
    let mut parts = pieces(rest, 0);
    let version = parts.next().unwrap_or_default();
    let Some(low) = parts.rest.and_then(|rest| Reader(rest.get(13..)?).u16_le()) else {
        return Err("a greeting that ends early".into());
    };
    let tls = low & CLIENT_SSL != 0;
    // MariaDB from 10 on puts this in front, for replicas that expect one digit.
    let version = version.strip_prefix(b"5.5.5-").unwrap_or(version);
    Ok(Packet::Greeting { version: quote(version), tls })
}

/// SQLSTATE follows a `#`; it is left out before the capabilities are agreed upon.
fn error(number: [u8; 2], rest: &[u8]) -> Error {
    /// Errors of the login itself with another SQLSTATE than 28000: access denied, as proxies and
    /// OceanBase spell it, client too old for the account, password expired (two), account locked, TLS
    /// wanted, account blocked by wrong passwords (two) and account locked in MariaDB.
    const OF_THE_ACCOUNT: [u16; 9] = [1045, 1251, 1820, 1862, 3118, 3159, 3955, 4150, 4151];
    let number = u16::from_le_bytes(number);
    let (state, text) = match rest {
        [b'#', rest @ ..] => rest.split_at_checked(5).unwrap_or((b"", rest)),
        text => (&b""[..], text),
    };
    let of_the_account = state == b"28000" || OF_THE_ACCOUNT.contains(&number);
    let why = match number {
        1040 => "no connection left: ",
        1053 => "the server is shutting down: ",
        1129 | 1130 => "the server refuses this host: ",
        _ => "",
    };
    let text = if state.is_empty() {
        format!("{why}{number} {}", quote(text))
    } else {
        format!("{why}{number} ({}) {}", quote(state), quote(text))
    };
    Error { of_the_account, text }
}

#[cfg(test)]
mod tests {
    use super::super::torture;
    use super::*;
    use crate::checks::kinds;
    use crate::input::Text;
    use crate::net::recognise::recognise;

    // What MariaDB 10.11.19 sent.
    const GREETING: &[u8] = b"\x64\0\0\0\x0a5.5.5-10.11.19-MariaDB-0+deb12u1\x00\x05\x00\x00\x00\
        ZNXOc&1`\x00\xfe\xf7\x08\x02\x00\xff\x81\x15\x00\x00\x00\x00\x00\x00\x1d\x00\x00\x00\
        tD7&U]Q^e_0n\x00mysql_native_password\x00";
    const DENIED: &[u8] = b"\x4e\0\0\x02\xff\x15\x04#28000Access denied for user \
        'healthcheck'@'127.0.0.2' (using password: NO)";
    const FULL: &[u8] = b"\x17\0\0\0\xff\x10\x04Too many connections";
    const LOCKED: &[u8] = b"\x2e\0\0\x02\xff\x37\x10#HY000Access denied, this account is locked";
    const SWITCH: &[u8] = b"\x30\0\0\x02\xfeclient_ed25519\0\xf0M\xb3\x8e\xdd\xcd\x17\x83T@o\x89\
        \x07'L\xf2\t\x87\xd8\x0c\x99\x88]\xdc`h\x1c7\x94\xdd\xd2\x1d";
    const WELCOME: &[u8] = b"\x07\0\0\x02\0\0\0\x02\0\0\0";

    fn parse(text: &str) -> Result<Mysql, String> {
        let (_, target) = kinds::read(&Text::plain(text)).expect(text);
        Mysql::parse(&target, &mut Options::new(&[], &[])).map_err(|usage| usage.to_string())
    }

    fn one(bytes: &[u8]) -> Result<Option<(Packet, u8)>, Wrong> {
        decode(bytes).map(|done| done.map(|(packet, _)| packet))
    }

    fn denied(of_the_account: bool, text: &str) -> Packet {
        Packet::Error(Error { of_the_account, text: text.into() })
    }

    #[test]
    fn what_a_plugin_says_is_its_own() {
        let prompt = b"\x0b\0\0\x04\x04Password: ";
        assert_eq!(decoded(prompt, true), Ok(Some(((Packet::More, 4), prompt.len()))));
        assert!(decode(prompt).is_err());
        assert!(matches!(decoded(LOCKED, true), Ok(Some(((Packet::Error(_), _), _)))));
    }

    #[test]
    fn targets() {
        for (target, user) in [
            ("mysql://h", "healthcheck"),
            ("mariadb://h:1/", "healthcheck"),
            ("mysql://a%40b@h", "a@b"),
            // An application's account is left alone.
            ("mysql://u:p@h/db", "healthcheck"),
            ("mysql://u:@h", "healthcheck"),
        ] {
            assert_eq!(parse(target).expect(target).user, user);
        }
    }

    #[test]
    fn packets() {
        let greeting =
            Packet::Greeting { version: "10.11.19-MariaDB-0+deb12u1".into(), tls: false };
        assert_eq!(one(GREETING), Ok(Some((greeting, 0))));
        let text = "1045 (28000) Access denied for user 'healthcheck'@'127.0.0.2' (using password: \
                    NO)";
        assert_eq!(one(DENIED), Ok(Some((denied(true, text), 2))));
        assert_eq!(
            one(FULL),
            Ok(Some((denied(false, "no connection left: 1040 Too many connections"), 0)))
        );
        let text = "4151 (HY000) Access denied, this account is locked";
        assert_eq!(one(LOCKED), Ok(Some((denied(true, text), 2))));
        // Whatever the SQLSTATE.
        for (state, shown) in [("#42000", "1045 (42000) no"), ("", "1045 no")] {
            let rest = [&b"\xff\x15\x04"[..], state.as_bytes(), b"no"].concat();
            assert_eq!(one(&packet(2, &rest)), Ok(Some((denied(true, shown), 2))));
        }
        assert_eq!(one(SWITCH), Ok(Some((Packet::Switch { ed25519: true }, 2))));
        assert_eq!(one(b"\x02\0\0\x02\xfex"), Ok(Some((Packet::Switch { ed25519: false }, 2))));
        assert_eq!(one(WELCOME), Ok(Some((Packet::Welcome, 2))));
        assert_eq!(one(b"\x02\0\0\x04\x01\x04"), Ok(Some((Packet::More, 4))));
        assert_eq!(packet(3, b"ab"), b"\x02\0\0\x03ab");
        assert_eq!(start_of_response(CLIENT_SSL)[..9], [1, 0x8a, 8, 0, 0, 0, 0, 1, 33]);
    }

    #[test]
    fn what_is_no_such_packet_is_refused_at_once() {
        for (bytes, wrong) in [
            (&b"\xff\xff\xff\0"[..], "a message of 16777219 bytes"),
            (b"HTTP", "a message of 5526604 bytes"),
            (b"\0\0\0\0", "an empty packet"),
            (b"\x05\0\0\0\x0b\x08\x05\x1a\0", "that is no MySQL"),
            (b"\x03\0\0\0\x0ax\0", "a greeting that ends early"),
            (b"\x02\0\0\0\xff\0", "that is no MySQL"),
            (b"\x06\0\0\x02\0\0\0\x02\0\0", "that is no MySQL"),
        ] {
            let error = decode(bytes).expect_err("refused");
            assert!(error.starts_with(wrong), "{error}");
        }
    }

    #[test]
    fn other_checks_recognise_such_a_server() {
        let who = Some("a MySQL or MariaDB server answers here");
        assert_eq!(recognise(GREETING), who);
        assert_eq!(recognise(FULL), who);
        let who = Some("MySQL's X Protocol answers here, not the classic one");
        assert_eq!(recognise(b"\x05\0\0\0\x0b\x08\x05\x1a\0"), who);
    }

    #[test]
    fn anything_is_survived() {
        for valid in [GREETING, DENIED, FULL, LOCKED, SWITCH, WELCOME] {
            torture(valid, decode);
        }
    }
}
