//! What stands in for TLS in a build without it: nothing can be made of it.

use std::convert::Infallible;
use std::io;
use std::marker::PhantomData;

use crate::attempt::Attempt;
use crate::input::{Host, Options, Target, Usage};
use crate::net::NO_TLS;
use crate::verdict::Failure;

/// There are no roots.
pub fn roots_in_file() -> bool {
    false
}

/// TLS that cannot be had.
#[derive(Debug)]
pub struct Tls {
    /// As in a build with TLS.
    pub alpn: &'static [u8],
    never: Infallible,
}

impl Tls {
    /// Always a usage error.
    pub fn parse(target: &Target, _: &Host, _: &mut Options<'_>) -> Result<Self, Usage> {
        Err(target.wrong(NO_TLS))
    }

    pub(in crate::net) fn files(&self, _: &Attempt<'_>) -> Result<Files, Failure> {
        match self.never {}
    }

    pub(in crate::net) fn handshake<S>(
        &self,
        _: S,
        _: Files,
        _: &str,
        _: &Attempt<'_>,
    ) -> Result<Session<S>, Failure> {
        match self.never {}
    }
}

/// Files that are not read.
#[derive(Debug)]
pub(in crate::net) struct Files(Infallible);

/// A session that cannot be had.
#[derive(Debug)]
pub(in crate::net) struct Session<S>(Infallible, PhantomData<S>);

impl<S> Session<S> {
    pub(in crate::net) fn append(&mut self, _: &mut Vec<u8>) -> io::Result<usize> {
        match self.0 {}
    }

    pub(in crate::net) fn write_all(&mut self, _: &[u8]) -> io::Result<()> {
        match self.0 {}
    }

    pub(in crate::net) fn confirm(&mut self) -> io::Result<()> {
        match self.0 {}
    }

    pub(in crate::net) fn close_notify(&mut self) {
        match self.0 {}
    }

    pub(in crate::net) fn lacks(&self) -> &'static str {
        match self.0 {}
    }

    pub(in crate::net) fn alpn(&self) -> Option<&[u8]> {
        match self.0 {}
    }

    pub(in crate::net) fn socket(&self) -> &S {
        match self.0 {}
    }

    pub(in crate::net) fn socket_mut(&mut self) -> &mut S {
        match self.0 {}
    }
}
