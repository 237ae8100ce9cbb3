//! What the TLS options say: whom to believe, and what to show.

use std::path::PathBuf;
use std::time::Duration;

use crate::input::{Flag, Options, Target, Usage};

/// Whose certificates are believed.
#[derive(Debug)]
pub(super) enum Trust {
    /// `--insecure`: any certificate; that the peer holds its key is verified all the same.
    Any,
    /// Chains to these roots.
    Roots {
        /// `--cacert`, in place of the roots in the binary.
        file: Option<PathBuf>,
        /// The chain must still verify this far in the future.
        min_validity: Option<Duration>,
    },
}

impl Trust {
    /// Takes `--insecure`, `--cacert` and `--min-validity`.
    pub(super) fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let loose = options.scope(Flag::Insecure);
        let strict = [Flag::MinValidity, Flag::Cacert].map(|flag| (options.scope(flag), flag));
        let strict = strict.into_iter().max_by_key(|(scope, _)| *scope);
        // What stands after the target overrides what stands before it, either way.
        let any = match (loose, strict) {
            (Some(loose), Some((Some(strict), flag))) if loose == strict => {
                return Err(contradiction(target, flag));
            }
            (loose, strict) => loose > strict.and_then(|(scope, _)| scope),
        };
        options.has(Flag::Insecure);
        let file = options.path(Flag::Cacert)?;
        let min_validity = options.duration(Flag::MinValidity)?;
        Ok(if any { Trust::Any } else { Trust::Roots { file, min_validity } })
    }
}

fn contradiction(target: &Target, flag: Flag) -> Usage {
    // not a verdict
    target.wrong(&format!("--insecure verifies nothing: want it or {}, not both", flag.spelled()))
}

/// A client certificate chain and its key, both PEM; both may be in the same file.
#[derive(Debug)]
pub(super) struct Identity {
    /// `--cert`.
    pub(super) cert: PathBuf,
    /// `--key`, or the same file.
    pub(super) key: PathBuf,
}

impl Identity {
    /// Takes `--cert` and `--key`.
    pub(super) fn parse(target: &Target, options: &mut Options<'_>) -> Result<Option<Self>, Usage> {
        match (options.path(Flag::Cert)?, options.path(Flag::Key)?) {
            (Some(cert), key) => Ok(Some(Self { key: key.unwrap_or_else(|| cert.clone()), cert })),
            (None, Some(_)) => {
                // not a verdict
                Err(target.wrong("--key: its certificate is wanted too: --cert FILE"))
            }
            (None, None) => Ok(None),
        }
    }
}
