//! TLS: makes a verified, encrypted stream of a plain one, and says precisely why it cannot.
//!
//! The files here are the only ones that name rustls. Who is trusted is decided by webpki; what
//! [`certificate`] reads is for display and never for the verdict. A flavour without TLS has
//! `disabled` in place of `enabled`, which is the same to look at.

#[cfg(feature = "tls")]
pub mod certificate;
#[cfg(feature = "tls")]
mod chain;
#[cfg(feature = "tls")]
mod config;
#[cfg(feature = "tls")]
mod credentials;
#[cfg(feature = "tls")]
mod curve25519;
#[cfg(feature = "tls")]
mod der;
#[cfg(not(feature = "tls"))]
mod disabled;
#[cfg(feature = "tls")]
mod enabled;
#[cfg(feature = "tls")]
pub mod explain;
#[cfg(feature = "tls")]
mod files;
#[cfg(feature = "tls")]
mod keys;
#[cfg(feature = "tls")]
mod provider;
#[cfg(feature = "tls")]
mod roots;
#[cfg(feature = "tls")]
mod session;
#[cfg(feature = "tls")]
mod verify;

#[cfg(not(feature = "tls"))]
pub(super) use disabled::{Files, Session};
#[cfg(not(feature = "tls"))]
pub use disabled::{Tls, roots_in_file};
#[cfg(feature = "tls")]
pub(super) use {enabled::Files, session::Session};
#[cfg(feature = "tls")]
pub use {enabled::Tls, verify::roots_in_file};
