//! What the heap promises, over days; `cargo miri test -p healthcheck-alloc` reads along.

#![cfg(feature = "model")]

use healthcheck_alloc::model::{self, Model};

/// xorshift64*: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize
    }

    /// Small sizes are as frequent as large ones.
    fn size(&mut self) -> usize {
        let bits = self.next() % if cfg!(miri) { 11 } else { 17 };
        self.next() & ((1 << bits) - 1)
    }
}

/// Under Miri everything takes a hundred times as long.
const ROUNDS: usize = if cfg!(miri) { 1 } else { 300 };
const ACTS: usize = if cfg!(miri) { 100 } else { 1_024 };

#[test]
fn blocks_are_aligned_apart_and_keep_what_is_written() {
    let mut numbers = Numbers(7);
    for _ in 0..ROUNDS {
        let acts: Vec<u8> = (0..ACTS).flat_map(|_| (numbers.next() as u32).to_le_bytes()).collect();
        model::run(&acts);
    }
}

#[test]
fn every_size_around_a_class_and_around_a_mapping_is_whole() {
    let mut model = Model::new(0);
    let (step, around) = if cfg!(miri) { (16_381, 32_758..32_763) } else { (61, 32_700..32_800) };
    for size in (0..200).chain((200..70_000).step_by(step)).chain(around) {
        assert!(model.allocate(size));
        assert!(model.reallocate(0, size * 2 + 1));
        assert!(model.reallocate(0, size / 3));
        model.free(0);
    }
    assert_eq!(model.pages().in_mappings(), 0);
}

#[test]
fn alignments_up_to_a_page_and_beyond() {
    let mut model = Model::new(0);
    for align in (0..17).step_by(if cfg!(miri) { 4 } else { 1 }).map(|bit| 1 << bit) {
        for size in [0, 1, 15, 16, 17, 100, 5_000, 40_000] {
            assert!(model.allocate_aligned(size, align));
        }
        assert!(model.reallocate(0, 70_000));
    }
    while !model.is_empty() {
        model.free(3);
    }
    assert_eq!(model.pages().in_mappings(), 0);
}

/// One try of `--wait`: some checks that live and die together, each try a little different.
fn attempt(model: &mut Model, numbers: &mut Numbers) {
    for _ in 0..100 {
        assert!(model.allocate(numbers.size()));
        if numbers.next().is_multiple_of(3) {
            let (which, size) = (numbers.next(), numbers.size());
            assert!(model.reallocate(which, size));
        }
        if numbers.next().is_multiple_of(2) {
            model.free(numbers.next());
        }
    }
    while !model.is_empty() {
        model.free(numbers.next());
    }
}

#[test]
fn waiting_for_days_stops_growing() {
    // 3,600 different tries again and again: what the first round of them needed is enough for good.
    let tries = if cfg!(miri) { 2 } else { 3_600 };
    let mut model = Model::new(0);
    let mut after = Vec::new();
    for _ in 0..4 {
        let mut numbers = Numbers(1);
        for _ in 0..tries {
            attempt(&mut model, &mut numbers);
        }
        after.push(model.pages().in_pieces());
        assert_eq!(model.pages().in_mappings(), 0, "what was large is the kernel's again");
    }
    assert_eq!(after[1], after[3], "{after:?}");
    assert!(after[3] <= 4 << 20, "{after:?}");
}

#[test]
fn what_large_blocks_had_small_ones_may_have() {
    let mut model = Model::new(0);
    let sizes: &[usize] = match cfg!(miri) {
        true => &[30_000, 10_000],
        false => &[30_000, 10_000, 3_000, 1_000, 300, 100, 20],
    };
    for &size in sizes {
        for _ in 0..300_000 / (size + 8) {
            assert!(model.allocate(size));
        }
        while !model.is_empty() {
            model.free(0);
        }
    }
    // 300,000 bytes of each size in turn, in blocks of at most 32 KiB: not seven times as much.
    let pieces = model.pages().in_pieces();
    assert!(pieces <= 9 * 65_536, "{pieces}");
}

#[test]
fn no_memory_is_null_and_nothing_is_lost() {
    let mut model = Model::new(if cfg!(miri) { 3 << 16 } else { 1 << 20 });
    while model.allocate(5_000) {}
    let many = model.len();
    assert!(many > 20);
    assert!(!model.allocate(600_000) && !model.allocate_zeroed(600_000));
    assert!(!model.allocate_aligned(600_000, 4_096));
    // A block that cannot grow is what it was: the model looks at it when it is freed.
    assert!(!model.reallocate(0, 600_000));
    assert_eq!(model.len(), many);
    for _ in 0..many {
        model.free(0);
    }
    for _ in 0..many {
        assert!(model.allocate(5_000), "what was freed can be had again");
    }
}

#[test]
fn sizes_that_no_machine_has_are_refused() {
    let mut model = Model::new(0);
    for size in [usize::MAX, usize::MAX - 8, usize::MAX - 4_096, usize::MAX - 4_112] {
        if size > usize::MAX - 4_111 {
            assert!(!model.allocate(size), "{size}");
        }
        assert!(!model.allocate_aligned(size, 1 << 16), "{size}");
    }
    assert!(model.allocate(1));
}
