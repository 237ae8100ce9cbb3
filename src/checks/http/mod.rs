//! `http://` and `https://`: the status, and what is asked of headers and body (RFC 9110, 9112).
//!
//! Reading stops the moment the verdict is known, so an event stream, a slow body or a server that
//! keeps the connection open costs nothing.

mod exchange;
pub mod request;
pub mod response;
pub mod ws;

use exchange::{Call, Exchange};
use request::{Redirect, Request, Url};
use response::Head;

use super::json;
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::pattern::Pattern;
use crate::input::value::{self, StatusSet};
use crate::input::{Flag, Options, Secure, Target, Usage};
use crate::net::Peer;
use crate::text::{Wrong, contains, found};
use crate::verdict::{Failure, Healthy, Verdict, quote};

/// What a WebSocket's handshake is answered with.
const UPGRADE: &str = "101 (an upgrade to WebSocket)"; // not a verdict: part of one

/// A request, and what its answer must be.
#[derive(Debug)]
pub struct Http {
    peer: Box<Peer>,
    url: Url,
    request: Request,
    status: StatusSet,
    /// The most redirects that are followed; `None`: they are answers like any other.
    follow: Option<u64>,
    expect: Vec<Vec<u8>>,
    json: Vec<json::Wanted>,
    grep: Vec<Pattern>,
    headers: Vec<(String, String)>,
    /// `ws://`, `wss://`: the connection is to become a WebSocket.
    socket: bool,
}

impl Check for Http {
    /// Takes all of the options under "http, https", and what the peer takes; for a WebSocket of those
    /// only `--header` and `--user`.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let authority = target.authority()?;
        let socket = target.scheme.name.starts_with('w');
        let mut none = Options::new(&[], &[]);
        // Of a WebSocket nothing is wanted but that it becomes one.
        let (more, accepted) = match socket {
            true => (&mut none, StatusSet::of(101, 101, UPGRADE)),
            false => (&mut *options, StatusSet::default()),
        };
        let follow = more.last(Flag::Follow, |n| match n {
            [] => Ok(10),
            n => value::number(n),
        })?;
        let request = Request::parse(more)?;
        let status = more.last(Flag::Status, StatusSet::parse)?.unwrap_or(accepted);
        let expect = more.each(Flag::Expect, value::text)?;
        let json = more.each(Flag::ExpectJson, json::Wanted::parse)?;
        let grep = Pattern::all(more, value::text)?;
        let headers = more.each(Flag::ExpectHeader, expected_header)?;
        let secure = match (target.scheme.secure, follow) {
            // A redirect may lead to https.
            (Secure::Never, Some(_)) if cfg!(feature = "tls") => Secure::OnRedirect,
            (secure, _) => secure,
        };
        let peer = Peer::parse_as(target, options, secure)?;
        let request = request.with_headers(target, authority, options)?;
        let url =
            Url::new(secure == Secure::Always, authority).map_err(|wrong| target.wrong(&wrong))?;
        let http = Self { peer, url, request, status, follow, expect, json, grep, headers, socket };
        if http.request.is_head() && http.wants_body() {
            return Err(target.wrong(
                "want another method than HEAD: its answers have no body to expect anything of",
            ));
        }
        Ok(http)
    }

    /// Asks, follows redirects where told to, and judges the final answer.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let mut url = self.url.clone();
        let mut get = false;
        let mut followed = 0;
        let key = if self.socket { ws::key() } else { String::new() };
        loop {
            let stranger = (url.port, url.secure) != (self.url.port, self.url.secure);
            let (peer, request) = (&*self.peer, &self.request);
            let call = Call { peer, url: &url, request, get, stranger, key: &key };
            let mut exchange = Exchange::start(&call, attempt)?;
            let status = exchange.head.status;
            let next = match self.follow {
                Some(most) => self.redirect(&url, &exchange.head)?.map(|next| (most, next)),
                None => None,
            };
            let Some((most, next)) = next else {
                let verdict = self.judge(&url, &key, &mut exchange);
                if self.socket && verdict.is_ok() {
                    return ws::close(exchange.upgraded());
                }
                exchange.close();
                return verdict;
            };
            exchange.close();
            if followed == most {
                let where_to = quote([next.host_header(), next.path].concat().as_bytes());
                let got = format!("more than {most}, the next to {where_to}");
                return Err(Failure::mismatch("redirects", &got, &format!("at most {most}")));
            }
            followed += 1;
            get = get || self.request.becomes_get(status);
            url = next;
        }
    }
}

/// Whether a header called `name` holds `text`, without regard to case, or is `exactly` that each time it
/// is there.
fn judge_header(head: &Head, name: &str, text: &str, exactly: bool) -> Result<(), Failure> {
    let wanted = text.to_ascii_lowercase();
    let (mut got, mut seen) = ("absent", &b""[..]);
    let mut fits = false;
    for value in head.all(name) {
        let holds = match exactly {
            true => value == text.as_bytes(),
            false => contains(&value.to_ascii_lowercase(), wanted.as_bytes()),
        };
        got = "without it";
        seen = if exactly { value } else { b"" };
        fits = holds;
        if fits != exactly {
            break;
        }
    }
    if fits {
        return Ok(());
    }
    let what = ["header ", &quote(name.as_bytes())].concat();
    Err(match text {
        "" => Failure::mismatch(&what, got, "it present"),
        text => Failure::lacks(&what, got, text.as_bytes(), seen),
    })
}

/// With which nginx, Go, Apache and Tomcat answer, in plain text and with 400, on a port of TLS.
const PLAIN_TO_TLS: [&str; 3] = ["HTTPS", "SSL-enabled", "requires TLS"]; // not a verdict: theirs

impl Http {
    /// Where a line ends, and what a number is, is known in the end only.
    fn wants_whole_body(&self) -> bool {
        !self.json.is_empty() || !self.grep.is_empty()
    }

    fn wants_body(&self) -> bool {
        !self.expect.is_empty() || self.wants_whole_body()
    }

    /// Where a redirect leads that may be followed: to the same host, and not from https to http,
    /// whose answer nobody vouches for. One that leads nowhere, or to two places, is a failure: to
    /// judge it by its own status would be healthy.
    fn redirect(&self, url: &Url, head: &Head) -> Result<Option<Url>, Failure> {
        if !matches!(head.status, 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let mut locations = head.all("location");
        let location = locations.next().unwrap_or_default();
        if locations.any(|other| other != location) {
            let got = format!("to \"{}\" and elsewhere", quote(location));
            return Err(Failure::mismatch("redirect", &got, "one Location"));
        }
        match url.join(location) {
            // An empty one would be the same page again.
            Redirect::To(next) if !location.is_empty() => {
                let next = self.here(next, url);
                Ok((next.host == url.host && next.secure >= url.secure).then_some(next))
            }
            Redirect::OtherOrigin => Ok(None),
            _ => {
                let got = format!("to \"{}\"", quote(location));
                Err(Failure::mismatch("redirect", &got, "one that can be followed"))
            }
        }
    }

    /// `next` at the host that is dialled, where it is the one that `--header Host:` names: the
    /// server knows itself by that name. Its own port is then the one that was asked.
    fn here(&self, next: Url, url: &Url) -> Url {
        match self.request.named_host() {
            Some((host, port)) if host == next.host => {
                let asked = port.unwrap_or(request::default_port(next.secure)) == next.port
                    && next.secure == url.secure;
                let port = if asked { url.port } else { next.port };
                Url { host: url.host.clone(), port, ..next }
            }
            _ => next,
        }
    }

    fn judge(&self, url: &Url, key: &str, exchange: &mut Exchange<'_>) -> Verdict {
        if !self.status.contains(exchange.head.status) {
            let reason = exchange.reason();
            let head = &exchange.head;
            let got = head.status.to_string();
            let failure = Failure::mismatch("status", &got, self.status.text());
            let lacks = if matches!(head.status, 400 | 401 | 403) { exchange.lacks() } else { "" };
            let background = self.background(url, key, head, &reason);
            return Err(failure.with(lacks).with(&background).with(&reason));
        }
        let head = &exchange.head;
        for (name, text) in &self.headers {
            judge_header(head, name, text, false)?;
        }
        if self.socket {
            self.judge_upgrade(head, key)?;
        }
        let seen = quote(head.line.as_bytes());
        if self.wants_body() {
            self.judge_body(exchange)?;
        }
        Healthy::saw(seen)
    }

    /// Whether the connection is a WebSocket now, of which nothing else was agreed on (RFC 6455 section
    /// 4.1): that would change what the frames mean.
    fn judge_upgrade(&self, head: &Head, key: &str) -> Result<(), Failure> {
        judge_header(head, "Upgrade", "websocket", false)?;
        judge_header(head, "Connection", "upgrade", false)?;
        judge_header(head, "Sec-WebSocket-Accept", &ws::accept(key), true)?;
        for name in ["sec-websocket-extensions", "sec-websocket-protocol"] {
            if !self.request.sends(name) && head.first(name).is_some() {
                let what = ["header ", name].concat();
                let want = "none, as none was asked for"; // not a verdict: part of one
                return Err(Failure::mismatch(&what, "present", want));
            }
        }
        Ok(())
    }

    /// What of the request, or of the answer, explains a rejected status.
    fn background(&self, url: &Url, key: &str, head: &Head, reason: &str) -> String {
        let asks = |name| match head.first(name) {
            Some(challenge) => ["asks for ", &quote(challenge), ", "].concat(),
            None => String::new(),
        };
        let credentials = match self.request.has_credentials() {
            true => "credentials were sent",
            false => "no credentials were sent (-u USER:PASS, or -H 'Authorization: ...')",
        };
        let says = |words: &str| contains(reason.as_bytes(), words.as_bytes());
        match head.status {
            300..=399 => match head.first("location") {
                Some(location) => ["it leads to ", &quote(location)].concat(),
                None => String::new(),
            },
            400 if !url.secure && PLAIN_TO_TLS.iter().any(|words| says(words)) => {
                [exchange::TLS, exchange::secured(key)].concat()
            }
            400 if self.peer.proxied => exchange::PROXIED.into(),
            // A name that the server does not serve, most often.
            400 | 421 => {
                let host = self.request.host(url);
                let other = "\" (another: -H 'Host: NAME')";
                ["the Host sent was \"", &quote(host.as_bytes()), other].concat()
            }
            401 => asks("www-authenticate") + credentials,
            403 => credentials.into(),
            407 => asks("proxy-authenticate") + credentials,
            405 | 411 | 415 => ["the method sent was ", self.request.method()].concat(),
            _ => String::new(),
        }
    }

    /// Reads until every text was seen, or one that must not be there; to the end when JSON is asked
    /// for.
    fn judge_body(&self, exchange: &mut Exchange<'_>) -> Result<(), Failure> {
        let rejects = || self.grep.iter().filter(|pattern| pattern.rejects());
        let texts = self.expect.iter().map(Vec::len);
        let longest =
            texts.chain(rejects().map(|pattern| pattern.given().len())).max().unwrap_or(0);
        let mut missing: Vec<&[u8]> = self.expect.iter().map(Vec::as_slice).collect();
        let mut searched = 0_usize;
        let rejected = loop {
            let complete = exchange.decode()?;
            let from = searched.saturating_sub(longest);
            let fresh = exchange.decoded.get(from..).unwrap_or_default();
            found(&mut missing, fresh);
            searched = exchange.decoded.len();
            let rejected = rejects().find(|pattern| !pattern.matches(fresh));
            let known = rejected.is_some() || missing.is_empty() && !self.wants_whole_body();
            if complete || known {
                break rejected;
            }
            exchange.fill()?;
        };
        let body = &exchange.decoded;
        let got = || ["of ", &body.len().to_string(), " bytes"].concat();
        let judged = if let Some(pattern) = rejected {
            Err(pattern.failure("body", &got(), body))
        } else if let Some(text) = missing.first() {
            Err(Failure::lacks("body", &got(), text, body))
        } else if let Some(pattern) = Pattern::unmatched(&self.grep, body) {
            Err(pattern.failure("body", &got(), body))
        } else {
            self.json.iter().try_for_each(|wanted| {
                exchange.attempt().check_deadline()?;
                wanted.judge(body)
            })
        };
        judged.map_err(|failure| match exchange.head.first("content-encoding") {
            // None was asked for, but it may be why (RFC 9110 section 8.4).
            Some(coding) => failure.with(&format!("in the coding {}", quote(coding))),
            None => failure,
        })
    }
}

/// `Name: value`, or `Name` alone with an empty value, which every value contains.
fn expected_header(given: &[u8]) -> Result<(String, String), Wrong> {
    match given.contains(&b':') {
        true => value::header(given),
        false => value::header(&[given, b":"].concat()),
    }
}
