//! The client certificate, and whether the server asked for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

/// What is shown where the server asks for it.
#[derive(Debug)]
pub(super) struct Credentials {
    key: Option<Arc<CertifiedKey>>,
    requested: AtomicBool,
}

impl Credentials {
    /// To show this one, or none.
    pub(super) fn new(key: Option<CertifiedKey>) -> Self {
        Self { key: key.map(Arc::new), requested: AtomicBool::new(false) }
    }

    /// Whether the server asked.
    pub(super) fn requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// The server asked and got nothing.
    pub(super) fn missing(&self) -> bool {
        self.key.is_none() && self.requested()
    }
}

impl ResolvesClientCert for Credentials {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.requested.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}
