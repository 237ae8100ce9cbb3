//! Packs Mozilla's roots: as bytes without structure they are 10 KB less than as constants, which
//! need pointers, lengths and relocations, and 8 KB less again where nothing is said twice.

#![allow(clippy::print_stdout, reason = "how a build script speaks to cargo")]
#![allow(clippy::indexing_slicing, reason = "where it is wrong nothing is built")]

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "tls")]
    roots::pack()?;
    Ok(())
}

/// What `src/net/tls/roots.rs` reads; the layout stands there.
#[cfg(feature = "tls")]
mod roots {
    use std::collections::BTreeMap;
    use std::error::Error;
    use std::fs;
    use std::path::PathBuf;

    pub(super) fn pack() -> Result<(), Box<dyn Error>> {
        let roots = webpki_roots::TLS_SERVER_ROOTS;
        let mut names: Vec<_> = roots.iter().map(|root| root.subject.to_vec()).collect();
        let pairs = pair_up(&mut names);
        let mut forms = Vec::new();
        let mut index = Vec::new();
        let mut keys = Vec::new();
        for (root, name) in roots.iter().zip(&names) {
            let key = &root.subject_public_key_info;
            let form = Form::of(key);
            let number = forms.iter().position(|known| *known == form).unwrap_or_else(|| {
                forms.push(form);
                forms.len() - 1
            });
            let constraints = root.name_constraints.as_deref().unwrap_or_default();
            let hash = root.subject.iter().fold(0, |hash: u8, byte| hash.wrapping_mul(31) ^ byte);
            index.extend([hash, u8::try_from(number)?, name.len().try_into()?]);
            index.push(constraints.len().try_into()?);
            keys.extend_from_slice(&key[form.before.len()..key.len() - form.after.len()]);
            keys.extend_from_slice(constraints);
        }
        let folder = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
        fs::write(folder.join("roots.rs"), source(&forms, &index, &names, &pairs)?)?;
        fs::write(folder.join("names"), names.concat())?;
        Ok(fs::write(folder.join("keys"), keys)?)
    }

    fn source(
        forms: &[Form],
        index: &[u8],
        names: &[Vec<u8>],
        pairs: &[[u8; 2]; 256],
    ) -> Result<String, Box<dyn Error>> {
        let count = names.len();
        let (index, _) = index.as_chunks::<4>();
        let mut table = Vec::new();
        for form in forms {
            // No pointers: each would have to be relocated when the program starts.
            let mut common = [form.before, form.after].concat();
            common.resize(COMMON, 0);
            table.push((form.length, form.before.len(), form.after.len(), common));
        }
        Ok(format!(
            "static INDEX: [[u8; 4]; {count}] = {index:?};\n\
             static PAIRS: [[u8; 2]; 256] = {pairs:?};\n\
             static FORMS: [(usize, usize, usize, [u8; {COMMON}]); {}] = {table:?};\n",
            table.len()
        ))
    }

    /// At least what the longest form has before and after a key.
    const COMMON: usize = 40;

    /// What keys of one kind have in common: what stands before and after the `length` bytes of the
    /// modulus or the point.
    #[derive(PartialEq, Clone, Copy)]
    struct Form {
        before: &'static [u8],
        length: usize,
        after: &'static [u8],
    }

    impl Form {
        /// An RSA key's modulus, or a point; of any other kind the whole key.
        fn of(key: &'static [u8]) -> Form {
            const EXPONENT: &[u8] = &[2, 3, 1, 0, 1];
            const UNCOMPRESSED: u8 = 4;
            let known = match key.strip_suffix(EXPONENT) {
                Some(rest) => {
                    let length = [512, 384, 256].into_iter().find(|n| modulus(rest, *n));
                    length.map(|length| (length, EXPONENT))
                }
                None => {
                    let length = [96, 64].into_iter().find(|n| {
                        key.len().checked_sub(n + 1).is_some_and(|at| key[at] == UNCOMPRESSED)
                    });
                    length.map(|length| (length, &[][..]))
                }
            };
            let (length, after) = known.unwrap_or((key.len(), &[]));
            Form { before: &key[..key.len() - after.len() - length], length, after }
        }
    }

    /// Whether what is before that many bytes is the header of an integer whose first byte is zero.
    fn modulus(rest: &[u8], length: usize) -> bool {
        let header = [&[2, 0x82][..], &u16::try_from(length + 1).unwrap_or(0).to_be_bytes(), &[0]];
        rest.len() > length && rest[..rest.len() - length].ends_with(&header.concat())
    }

    /// Byte-pair encoding: the pair that is most frequent becomes a byte that is not used, again and
    /// again. Of each byte the two that it stands for; a byte of its own comes first in its own.
    fn pair_up(names: &mut [Vec<u8>]) -> [[u8; 2]; 256] {
        let mut pairs: [[u8; 2]; 256] = std::array::from_fn(|byte| [byte as u8, 0]);
        let unused: Vec<u8> =
            (0..=255).filter(|byte| !names.iter().any(|name| name.contains(byte))).collect();
        for code in unused {
            let mut count = BTreeMap::<_, usize>::new();
            for pair in names.iter().flat_map(|name| name.windows(2)) {
                *count.entry([pair[0], pair[1]]).or_default() += 1;
            }
            // Of equal ones the last, so that two builds are the same.
            let Some((pair, _)) = count.into_iter().max_by_key(|(_, count)| *count) else { break };
            pairs[usize::from(code)] = pair;
            for name in names.iter_mut() {
                *name = replace(name, pair, code);
            }
        }
        pairs
    }

    fn replace(name: &[u8], pair: [u8; 2], code: u8) -> Vec<u8> {
        let mut new = Vec::new();
        let mut rest = name;
        while let [first, after @ ..] = rest {
            let found = rest.starts_with(&pair);
            new.push(if found { code } else { *first });
            rest = if found { &rest[2..] } else { after };
        }
        new
    }
}
