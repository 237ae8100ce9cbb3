//! What the tests share: the executable and how it is run, folders, ports, certificates, and servers,
//! scripted here, installed, or written in Python and Node.

#![cfg_attr(
    not(feature = "tls"),
    allow(
        dead_code,
        unused_imports,
        reason = "the tests that need the rest are left out with TLS"
    )
)]

mod exe;
mod folder;
mod peer;
mod pki;
mod ports;
mod run;
mod scripted;
mod server;

pub use exe::{emulated, exe, flavour};
pub use folder::{Folder, open_up};
#[cfg(target_arch = "x86_64")]
pub use peer::from_npm;
pub use peer::{Peer, from_debian, python};
pub use pki::{Certificates, openssl, self_signed};
pub use ports::{closed_port, free_port, ipv6_only, listens, silent};
pub use run::{Run, check, command, healthy, long, run, unhealthy};
pub use scripted::{answers, blurts, blurts_and_stays, finish, records, request, server};
pub use server::{Server, as_user, epmd, eventually, must};

use std::fs::File;

/// Held by the few tests that start so many processes, or watch the clock so closely, that two of
/// them at a time would disturb each other: in whichever process, so it is a lock on a file.
pub fn heavy() -> File {
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/target/heavy.lock");
    let lock = File::create(lock).expect("a file");
    lock.lock().expect("locked");
    lock
}

/// Whether `text` has `part` in it; both are shown where it has not.
#[track_caller]
pub fn has(text: &str, part: &str) {
    assert!(text.contains(part), "want {part:?} in {text:?}");
}
