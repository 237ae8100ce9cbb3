//! What is asked of a handshake, and the handshake.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::{DnsName, ServerName};
use rustls::{ClientConfig, ClientConnection, Error};

use super::config::{Identity, Trust};
use super::credentials::Credentials;
use super::session::Session;
use super::verify::Verifier;
use super::{explain, files, provider};
use crate::attempt::Attempt;
use crate::input::{Flag, Host, Options, Target, Usage};
use crate::verdict::{Failure, Step};

/// What is asked of the handshake.
#[derive(Debug)]
pub struct Tls {
    /// The application protocol offered (RFC 7301); none when empty.
    pub alpn: &'static [u8],
    /// To send and to verify. An address is verified only: RFC 6066 section 3 allows no literal.
    name: ServerName<'static>,
    trust: Trust,
    identity: Option<Identity>,
}

/// What the files say.
#[derive(Debug)]
pub(in crate::net) struct Files {
    verifier: Arc<Verifier>,
    credentials: Arc<Credentials>,
}

/// What may be verified. Addresses are read by std, whose parser is linked anyway: 512 bytes.
fn server_name(text: &str) -> Option<ServerName<'static>> {
    match text.parse::<IpAddr>() {
        Ok(address) => Some(ServerName::from(address)),
        Err(_) => Some(ServerName::DnsName(DnsName::try_from(text).ok()?.to_owned())),
    }
}

impl Tls {
    /// Takes the TLS options; `host` is the name to verify unless `--server-name` says another.
    /// The files are read later, by [`Tls::files`].
    pub fn parse(target: &Target, host: &Host, options: &mut Options<'_>) -> Result<Self, Usage> {
        let named = options.last(Flag::ServerName, |name| {
            let name = std::str::from_utf8(name).ok().and_then(server_name);
            name.ok_or_else(|| "a DNS name or an IP address is wanted".into()) // not a verdict
        })?;
        let name = match (named, host) {
            (Some(name), _) => name,
            (None, Host::Ip(address)) => ServerName::from(address.ip),
            (None, host) => server_name(&host.to_string()).ok_or_else(|| {
                target.wrong("want a host that can stand in a certificate, or --server-name")
            })?,
        };
        let trust = Trust::parse(target, options)?;
        let identity = Identity::parse(target, options)?;
        Ok(Self { alpn: b"", name, trust, identity })
    }

    /// Reads the files, on every try: with `--wait` they may yet appear.
    pub(in crate::net) fn files(&self, attempt: &Attempt<'_>) -> Result<Files, Failure> {
        let verifier = Arc::new(Verifier::new(&self.trust, attempt).map_err(Failure::setup)?);
        let key = self.identity.as_ref().map(|identity| files::identity(identity, attempt));
        let credentials = Arc::new(Credentials::new(key.transpose().map_err(Failure::setup)?));
        Ok(Files { verifier, credentials })
    }

    /// Completes a handshake with `peer`. When it fails, nothing of the application was sent.
    pub(in crate::net) fn handshake<S: Read + Write>(
        &self,
        socket: S,
        Files { verifier, credentials }: Files,
        peer: &str,
        attempt: &Attempt<'_>,
    ) -> Result<Session<S>, Failure> {
        attempt.enter(Step::Handshake, peer);
        let config = self.config(&verifier, &credentials);
        let mut session = config
            .and_then(|config| ClientConnection::new(Arc::new(config), self.name.clone()))
            .map(|tls| Session::new(socket, tls, credentials))
            .map_err(|error| attempt.protocol(explain::of(&error, false)))?;
        let agreed = session.agree(&verifier, attempt);
        if attempt.verbose() {
            if agreed.is_ok() {
                attempt.say(&session);
            }
            verifier.chain().iter().for_each(|line| attempt.say(line));
        }
        agreed.map(|()| session)
    }

    fn config(
        &self,
        verifier: &Arc<Verifier>,
        credentials: &Arc<Credentials>,
    ) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider::provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_client_cert_resolver(credentials.clone());
        // A check is one connection: a ticket would never be used.
        config.resumption = Resumption::disabled();
        if !self.alpn.is_empty() {
            config.alpn_protocols = vec![self.alpn.to_vec()];
        }
        Ok(config)
    }
}
