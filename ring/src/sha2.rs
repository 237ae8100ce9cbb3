//! SHA-2 of RustCrypto's, compact: loops in place of rounds written out. On x86_64 it stands for four
//! kinds of SHA-256 and two of SHA-512: 22 KB less, for 0.2 million instructions of an `https://` check.

use core::num::NonZero;
use core::slice;

use ::sha2::block_api::{compress256, compress512};

/// What ring declares in `digest/sha2`, for each kind of processor by a name of its own.
macro_rules! named {
    ($($name:ident)* = $compress:ident of $word:ty, $length:literal) => {$(
        /// Takes `count` blocks into `state`, as FIPS 180-4 says.
        ///
        /// # Safety
        ///
        /// `state` is valid for writes, `blocks` for reads of `count` blocks, which do not overlap.
        #[cfg_attr(feature = "symbols", unsafe(no_mangle))]
        pub unsafe extern "C" fn $name(
            state: *mut [$word; 8],
            blocks: *const [u8; $length],
            count: NonZero<usize>,
        ) {
            // SAFETY: the caller's. ring makes both of references, one of which is exclusive.
            unsafe { $compress(&mut *state, slice::from_raw_parts(blocks, count.get())) }
        }
    )*};
}

named! {
    ring_core_0_17_14__sha256_block_data_order_nohw
    ring_core_0_17_14__sha256_block_data_order_hw
    ring_core_0_17_14__sha256_block_data_order_avx
    ring_core_0_17_14__sha256_block_data_order_ssse3
    ring_core_0_17_14__sha256_block_data_order_neon
    = compress256 of u32, 64
}
named! {
    ring_core_0_17_14__sha512_block_data_order_nohw
    ring_core_0_17_14__sha512_block_data_order_hw
    ring_core_0_17_14__sha512_block_data_order_avx
    ring_core_0_17_14__sha512_block_data_order_neon
    = compress512 of u64, 128
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use ring::digest::{Algorithm, SHA256, SHA512, digest};

    use super::*;

    // FIPS 180-4 5.3.3 and 5.3.5.
    const INITIAL_256: [u32; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    const INITIAL_512: [u64; 8] = [
        0x6a09_e667_f3bc_c908,
        0xbb67_ae85_84ca_a73b,
        0x3c6e_f372_fe94_f82b,
        0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1,
        0x9b05_688c_2b3e_6c1f,
        0x1f83_d9ab_fb41_bd6b,
        0x5be0_cd19_137e_2179,
    ];

    /// Whole blocks, with what FIPS 180-4 5.1 puts behind a message.
    fn blocks<const LENGTH: usize>(message: &[u8]) -> Vec<[u8; LENGTH]> {
        let mut padded = [message, &[0x80]].concat();
        let end = (padded.len() + LENGTH / 8).next_multiple_of(LENGTH);
        padded.resize(end - 8, 0);
        padded.extend((8 * message.len() as u64).to_be_bytes());
        padded.as_chunks().0.to_vec()
    }

    /// Asserts that `hash` of all lengths up to some blocks is what ring makes of them.
    fn as_ring_has_it(algorithm: &'static Algorithm, hash: &dyn Fn(&[u8]) -> Vec<u8>) {
        let text: Vec<u8> = (0..600_u32).map(|at| (at * at / 7) as u8).collect();
        for length in 0..text.len() {
            let message = &text[..length];
            assert_eq!(hash(message), digest(algorithm, message).as_ref(), "{length} bytes");
        }
    }

    macro_rules! hashes {
        ($algorithm:ident, $initial:ident, $length:literal: $($name:ident)*) => {$({
            let hash = |message: &[u8]| {
                let (mut state, blocks) = ($initial, blocks::<$length>(message));
                // All at once, and each by itself.
                let mut other = state;
                let count = NonZero::new(blocks.len()).expect("a block");
                // SAFETY: both are valid, and of that length.
                unsafe { $name(&raw mut state, blocks.as_ptr(), count) };
                for block in &blocks {
                    // SAFETY: both are valid, and it is one block.
                    unsafe { $name(&raw mut other, block, NonZero::<usize>::MIN) };
                }
                assert_eq!(state, other);
                state.iter().flat_map(|word| word.to_be_bytes()).collect()
            };
            as_ring_has_it(&$algorithm, &hash);
        })*};
    }

    #[test]
    fn each_name_hashes_as_ring_does() {
        hashes!(SHA256, INITIAL_256, 64:
            ring_core_0_17_14__sha256_block_data_order_nohw
            ring_core_0_17_14__sha256_block_data_order_hw
            ring_core_0_17_14__sha256_block_data_order_avx
            ring_core_0_17_14__sha256_block_data_order_ssse3
            ring_core_0_17_14__sha256_block_data_order_neon
        );
        hashes!(SHA512, INITIAL_512, 128:
            ring_core_0_17_14__sha512_block_data_order_nohw
            ring_core_0_17_14__sha512_block_data_order_hw
            ring_core_0_17_14__sha512_block_data_order_avx
            ring_core_0_17_14__sha512_block_data_order_neon
        );
    }
}
