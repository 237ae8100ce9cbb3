//! `http://` and `https://`: the status, and what is asked of headers and body (RFC 9110, 9112).
//!
//! Reading stops the moment the verdict is known, so an event stream, a slow body or a server that
//! keeps the connection open costs nothing.

pub mod request;
pub mod response;

use std::time::Duration;

use request::{Redirect, Request, Url};
use response::{Body, Head};

use super::json;
use crate::attempt::Attempt;
use crate::deadline::Deadline;
use crate::input::value::{self, StatusSet};
use crate::input::{Flag, Options, Target, Usage};
use crate::net::stream::{Stream, recognise};
use crate::net::{Peer, Secure};
use crate::text::{Wrong, contains};
use crate::verdict::{Failure, Healthy, Verdict, quote};

/// The largest body that is judged.
const BODY: usize = 1 << 20;

/// How long the first bytes of a rejected answer's body are waited for: they say what is down.
const REASON: Duration = Duration::from_millis(250);

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
    headers: Vec<(String, String)>,
}

impl Http {
    /// Takes all of the options under "http, https", and what the peer takes.
    pub fn parse(target: &Target, options: &Options<'_>) -> Result<Self, Usage> {
        let authority = target.authority()?;
        let follow = options.last(Flag::Follow, |n| match n {
            [] => Ok(10),
            n => value::number(n),
        })?;
        let secure = match (target.scheme.as_str(), follow) {
            ("https", _) => Secure::Always,
            // A redirect may lead to https.
            (_, Some(_)) if cfg!(feature = "tls") => Secure::OnRedirect,
            _ => Secure::Never,
        };
        let peer = Peer::parse(
            target,
            authority,
            options,
            Some(if secure == Secure::Always { 443 } else { 80 }),
            secure,
        )?;
        let request = Request::parse(target, authority, options)?;
        let url =
            Url::new(secure == Secure::Always, authority).map_err(|wrong| target.wrong(&wrong))?;
        let http = Self {
            peer,
            url,
            request,
            status: options.last(Flag::Status, StatusSet::parse)?.unwrap_or_default(),
            follow,
            expect: options.each(Flag::Expect, value::text)?,
            json: options.each(Flag::ExpectJson, json::Wanted::parse)?,
            headers: options.each(Flag::ExpectHeader, expected_header)?,
        };
        if http.request.is_head() && http.wants_body() {
            return Err(target.wrong(
                "want another method than HEAD: its answers have no body to expect anything of",
            ));
        }
        Ok(http)
    }

    fn wants_body(&self) -> bool {
        !self.expect.is_empty() || !self.json.is_empty()
    }

    /// Asks, follows redirects where told to, and judges the final answer.
    pub fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let mut url = self.url.clone();
        let mut get = false;
        let mut followed = 0;
        loop {
            let mut exchange = self.ask(&url, get, attempt)?;
            let status = exchange.head.status;
            let next = match self.follow {
                Some(most) => redirect(&url, &exchange.head)?.map(|next| (most, next)),
                None => None,
            };
            let Some((most, next)) = next else {
                let verdict = self.judge(&mut exchange);
                exchange.stream.close();
                return verdict;
            };
            exchange.stream.close();
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

    /// Sends one request and reads the head of its final answer.
    fn ask<'w>(
        &self,
        url: &Url,
        get: bool,
        attempt: &'w Attempt<'w>,
    ) -> Result<Exchange<'w>, Failure> {
        let mut stream = self.peer.open_as(url.port, url.secure, attempt)?;
        attempt.say(&format_args!(
            "request: {} for {}",
            self.request.describe(),
            url.host_header()
        ));
        let stranger = (url.port, url.secure) != (self.url.port, self.url.secure);
        // A server may answer and close before it has read everything: its answer counts.
        let sent = stream.write(&self.request.encode(url, get, stranger));
        let mut inbox = Vec::new();
        let head = match (self.head(&mut stream, &mut inbox), sent) {
            (Err(_), Err(unsent)) => return Err(unsent),
            (head, _) => head?,
        };
        let body = head.framing(self.request.is_head()).map_err(|wrong| attempt.protocol(wrong))?;
        Ok(Exchange { stream, head, body, inbox, decoded: Vec::new() })
    }

    /// Reads heads until the final one (RFC 9110 section 15.2).
    fn head(&self, stream: &mut Stream<'_>, inbox: &mut Vec<u8>) -> Result<Head, Failure> {
        let attempt = stream.attempt();
        let mut searched = 0;
        let mut informational = 0;
        loop {
            match Head::parse(inbox, searched) {
                Ok(Some((head, length))) => {
                    for (name, value) in head.headers().iter().filter(|_| attempt.verbose()) {
                        let secret = name.eq_ignore_ascii_case("set-cookie");
                        let shown = if secret { "***".into() } else { quote(value) };
                        attempt.say(&format_args!("response: {}: {name}: {shown}", head.status));
                    }
                    inbox.drain(..length.min(inbox.len()));
                    if !matches!(head.status, 100 | 102..=199) {
                        return Ok(head);
                    }
                    searched = 0;
                    informational += length;
                    if informational > response::HEAD {
                        return Err(attempt.protocol(
                            "over 64 KiB of informational responses without a final one",
                        ));
                    }
                }
                Ok(None) => {
                    searched = inbox.len();
                    if read(stream, inbox)? == 0 {
                        return Err(attempt.protocol(match (searched, informational) {
                            (0, 0) => "the connection was closed without a response".into(),
                            (0, _) => {
                                "the connection was closed after informational responses only"
                                    .into()
                            }
                            (n, _) => format!(
                                "the connection was closed after {n} bytes of a response head"
                            ),
                        }));
                    }
                }
                Err(wrong) => {
                    let who =
                        recognise(inbox).filter(|who| !contains(who.as_bytes(), b"an HTTP server"));
                    let shown = who.map_or_else(|| quote(inbox), str::to_owned);
                    return Err(attempt.protocol(format!("{wrong}: {shown}")));
                }
            }
        }
    }

    fn judge(&self, exchange: &mut Exchange<'_>) -> Verdict {
        let head = &exchange.head;
        if !self.status.contains(head.status) {
            let got = head.status.to_string();
            let failure = Failure::mismatch("status", &got, self.status.text());
            return Err(failure.with(&exchange.reason()));
        }
        for (name, text) in &self.headers {
            let wanted = text.to_ascii_lowercase();
            let mut got = "absent";
            for value in head.all(name) {
                got = "without it";
                if contains(&value.to_ascii_lowercase(), wanted.as_bytes()) {
                    got = "";
                    break;
                }
            }
            if !got.is_empty() {
                let what = ["header ", &quote(name.as_bytes())].concat();
                return Err(match text.as_str() {
                    "" => Failure::mismatch(&what, got, "it present"),
                    text => Failure::lacks(&what, got, text.as_bytes(), b""),
                });
            }
        }
        let seen = quote(head.line.as_bytes());
        if self.wants_body() {
            self.judge_body(exchange)?;
        }
        Healthy::saw(seen)
    }

    /// Reads until every text was seen; to the end when JSON is asked for.
    fn judge_body(&self, exchange: &mut Exchange<'_>) -> Result<(), Failure> {
        let longest = self.expect.iter().map(Vec::len).max().unwrap_or(0);
        let mut missing: Vec<&[u8]> = self.expect.iter().map(Vec::as_slice).collect();
        let mut searched = 0_usize;
        loop {
            let complete = exchange.decode()?;
            let from = searched.saturating_sub(longest);
            let fresh = exchange.decoded.get(from..).unwrap_or_default();
            missing.retain(|text| !contains(fresh, text));
            searched = exchange.decoded.len();
            if complete || missing.is_empty() && self.json.is_empty() {
                break;
            }
            exchange.fill()?;
        }
        let body = &exchange.decoded;
        let judged = match missing.first() {
            Some(text) => {
                Err(Failure::lacks("body", &format!("of {} bytes", body.len()), text, body))
            }
            None => self.json.iter().try_for_each(|wanted| {
                exchange.stream.attempt().check_deadline()?;
                wanted.judge(body)
            }),
        };
        judged.map_err(|failure| match exchange.head.all("content-encoding").next() {
            // None was asked for, but it may be why (RFC 9110 section 8.4).
            Some(coding) => failure.with(&format!("in the coding {}", quote(coding))),
            None => failure,
        })
    }
}

/// Where a redirect leads that may be followed: to the same host, and not from https to http,
/// whose answer nobody vouches for. One that leads nowhere is a failure: to judge it by its own
/// status would be healthy.
fn redirect(url: &Url, head: &Head) -> Result<Option<Url>, Failure> {
    if !matches!(head.status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = head.all("location").next().unwrap_or_default();
    match url.join(location) {
        // An empty one would be the same page again.
        Redirect::To(next) if !location.is_empty() => {
            Ok((next.host == url.host && next.secure >= url.secure).then_some(next))
        }
        Redirect::OtherOrigin => Ok(None),
        _ => {
            let got = format!("to \"{}\"", quote(location));
            Err(Failure::mismatch("redirect", &got, "one that can be followed"))
        }
    }
}

/// `Name: value`, or `Name` alone with an empty value, which every value contains.
fn expected_header(given: &[u8]) -> Result<(String, String), Wrong> {
    match given.contains(&b':') {
        true => value::header(given),
        false => value::header(&[given, b":"].concat()),
    }
}

/// An answer whose head was read.
struct Exchange<'w> {
    stream: Stream<'w>,
    head: Head,
    body: Body,
    inbox: Vec<u8>,
    decoded: Vec<u8>,
}

impl Exchange<'_> {
    /// Decodes what has come; whether the body is complete.
    fn decode(&mut self) -> Result<bool, Failure> {
        let attempt = self.stream.attempt();
        self.body
            .decode(&mut self.inbox, &mut self.decoded)
            .map_err(|wrong| attempt.protocol(wrong))?;
        if self.decoded.len() > BODY {
            return Err(attempt.protocol("a body over 1 MiB, which is not judged"));
        }
        Ok(self.body.is_complete())
    }

    /// Reads more of the body. Its end is one only where nothing tells its length.
    fn fill(&mut self) -> Result<(), Failure> {
        if read(&mut self.stream, &mut self.inbox)? > 0 {
            return Ok(());
        }
        if self.body == Body::Close {
            self.body = Body::Length(0);
            return Ok(());
        }
        let n = self.decoded.len();
        let of = match self.body {
            Body::Length(left) => format!("of {}", left + n as u64),
            _ => "in the middle of its chunks".into(),
        };
        Err(self
            .stream
            .attempt()
            .protocol(format!("the connection was closed after {n} body bytes {of}")))
    }

    /// The start of the body, as far as it comes without much waiting.
    fn reason(&mut self) -> String {
        let until = Deadline::after(REASON);
        let mut buffer = [0; 1024];
        while let Ok(false) = self.decode() {
            if self.decoded.len() > 200 {
                break;
            }
            match self.stream.read_until(&mut buffer, until) {
                Ok(n @ 1..) => self.inbox.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                _ => break,
            }
        }
        quote(&self.decoded)
    }
}

/// Appends what comes next; 0 at the end.
fn read(stream: &mut Stream<'_>, inbox: &mut Vec<u8>) -> Result<usize, Failure> {
    let mut buffer = [0; 8192];
    let n = stream.read(&mut buffer)?;
    inbox.extend_from_slice(buffer.get(..n).unwrap_or_default());
    Ok(n)
}
