//! Packs Mozilla's roots: as bytes without structure they are 10 KB less than as constants, which
//! need pointers, lengths and relocations.

#![allow(clippy::print_stdout, reason = "how a build script speaks to cargo")]

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "tls")]
    roots::pack()?;
    Ok(())
}

#[cfg(feature = "tls")]
mod roots {
    use std::error::Error;
    use std::path::PathBuf;

    /// Of each root its subject, its key and its name constraints, each behind its length in two
    /// bytes, the higher one first.
    pub(super) fn pack() -> Result<(), Box<dyn Error>> {
        let mut packed = Vec::new();
        for root in webpki_roots::TLS_SERVER_ROOTS {
            let constraints = root.name_constraints.as_deref().unwrap_or_default();
            for part in [&root.subject, &root.subject_public_key_info, constraints] {
                packed.extend(u16::try_from(part.len())?.to_be_bytes());
                packed.extend_from_slice(part);
            }
        }
        let folder = std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
        Ok(std::fs::write(PathBuf::from(folder).join("roots"), packed)?)
    }
}
