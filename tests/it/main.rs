//! The real executable against real and scripted peers: one integration binary.
//!
//! It runs `$HEALTHCHECK_BIN`, or `target/dist/healthcheck`: the artefact that ships.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that panics has failed, as it should"
)]

mod run;

mod cli;
mod complete;
mod faults;
mod http;
mod hung;
mod install;
mod local;
mod loopback;
mod names;
mod nginx;
mod readme;
mod stream;
mod tidy;
mod upgrade;
mod wait;
