//! The real executable against real and scripted peers: one binary, whose files are named by what is
//! tried.
//!
//! It runs `$HEALTHCHECK_BIN`, or `target/dist/healthcheck`: the artefact that ships.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test that panics has failed, as it should"
)]

mod support;

mod cli;
mod complete;
mod dropin;
mod faults;
mod grpc;
mod http;
mod hung;
mod install;
mod local;
mod loopback;
mod names;
mod proxied;
mod readme;
mod services;
mod stream;
mod tidy;
#[cfg(feature = "tls")]
mod tls;
mod upgrade;
mod wait;
mod websocket;
