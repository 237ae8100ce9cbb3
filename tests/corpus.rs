//! The fuzz targets' bodies without a fuzzer: over their corpora, which hold what was once found, over
//! all that is near to these, and over noise. Nothing panics, nothing asks for much memory at once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test that panics has failed, as it should"
)]
#![allow(dead_code, reason = "what is asked of serde_json is asked by the fuzzer alone")]
#![allow(unsafe_code, reason = "the allocator that counts")]

#[path = "../fuzz/src/bounded.rs"]
mod bounded;
#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::path::PathBuf;

use bounded::bounded;
use targets::ALL;

fn corpora() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fuzz/corpus"].iter().collect()
}

/// The inputs of one target. The name of each that is used is shown when a test fails.
fn seeds(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let seeds: Vec<_> = fs::read_dir(corpora().join(name))
        .expect("a corpus")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.clone(), fs::read(path).expect("a seed")))
        .collect();
    assert!(seeds.len() > 2, "{name}: the corpus is there");
    seeds
}

#[cfg(all(feature = "tls", feature = "services"))]
#[test]
fn every_target_has_a_corpus_and_every_corpus_a_target() {
    let folders = fs::read_dir(corpora()).expect("the corpora");
    let mut folders: Vec<_> = folders.map(|entry| entry.expect("an entry").file_name()).collect();
    let mut names: Vec<_> = ALL.iter().map(|(name, _)| *name).collect();
    folders.sort_unstable();
    names.sort_unstable();
    assert_eq!(folders, names);
}

#[test]
fn every_seed_and_every_prefix_is_survived() {
    for (name, target) in ALL {
        for (path, seed) in seeds(name) {
            println!("{}", path.display());
            bounded(*target, &seed);
            for end in 0..seed.len().min(512) {
                bounded(*target, &seed[..end]);
            }
        }
    }
}

/// The longest seed that is tried with every value of every byte, and how much of a longer one is
/// changed.
const SMALL: usize = 40;
const LONG: usize = 256;

/// Small seeds with each byte changed to each value, larger ones with the lowest and the highest bit
/// of each byte changed: what is valid is changed to each value in the unit tests.
#[test]
fn every_change_of_a_byte_is_survived() {
    for (name, target) in ALL {
        for (path, mut seed) in seeds(name) {
            println!("{}", path.display());
            let masks = if seed.len() <= SMALL { (1..=255).collect() } else { vec![1, 128] };
            for at in 0..seed.len().min(LONG) {
                for mask in &masks {
                    seed[at] ^= mask;
                    bounded(*target, &seed);
                    seed[at] ^= mask;
                }
            }
        }
    }
}

/// 64 KiB of it, alone and behind the first bytes of each seed.
#[test]
fn noise_is_survived() {
    // xorshift64, seeded so that a failure comes again.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(8192)
    .flatten()
    .collect();
    for (name, target) in ALL {
        println!("{name}");
        bounded(*target, &noise);
        for (path, seed) in seeds(name) {
            println!("{}", path.display());
            for kept in [seed.len() / 2, seed.len()] {
                bounded(*target, &[&seed[..kept], &noise[kept..]].concat());
            }
        }
    }
}
