//! The executables under test: those that ship, and no others.

use std::path::{Path, PathBuf};

/// `$HEALTHCHECK_BIN`, or `target/dist/healthcheck`.
pub fn exe() -> PathBuf {
    built("healthcheck", "HEALTHCHECK_BIN", "`make dist`")
}

/// The executable of a flavour: `$HEALTHCHECK_PLAIN_BIN`, or `target/dist/healthcheck-plain`.
pub fn flavour(name: &str) -> PathBuf {
    let variable = format!("HEALTHCHECK_{}_BIN", name.to_uppercase());
    let how = format!("`scripts/build-small \"$(uname -m)\" {name}`");
    built(&format!("healthcheck-{name}"), &variable, &how)
}

/// By its whole path: tests run it in folders of their own.
fn built(name: &str, variable: &str, how: &str) -> PathBuf {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/dist").join(name);
    let exe = std::env::var_os(variable).map_or(dist, PathBuf::from);
    assert!(exe.is_file(), "{} is missing: run {how}, or name one by {variable}", exe.display());
    std::path::absolute(exe).expect("a path")
}

/// Whether the executable is run by scripts/qemu, each of its instructions by many.
pub fn emulated() -> bool {
    std::env::var_os("HEALTHCHECK_EMULATED").is_some()
}
