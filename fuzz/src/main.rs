//! One executable for every target: `FUZZ_TARGET` names the one that is run.
#![no_main]

mod bounded;
mod opinion;
mod targets;

use std::sync::LazyLock;

static BODY: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let found = targets::ALL.iter().find(|(name, _)| *name == wanted);
    let names: Vec<_> = targets::ALL.iter().map(|(name, _)| *name).collect();
    let (name, body) = *found.unwrap_or_else(|| panic!("FUZZ_TARGET is one of {names:?}"));
    if name == "json" { opinion::json } else { body }
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| bounded::bounded(*BODY, data));
