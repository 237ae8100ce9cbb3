//! A heap beside what it should be: every block is filled by its owner and looked at before it goes.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::BTreeMap;
use std::vec::Vec;

use crate::heap::{Heap, PAGE, PIECE, Pages};

/// Memory from the allocator around the tests, counted.
pub struct Counted {
    /// Address and length of each piece.
    pieces: Vec<(*mut u8, usize)>,
    /// Address and length of each mapping.
    mappings: BTreeMap<usize, usize>,
    /// How many bytes there may be in all; 0: no limit.
    most: usize,
}

fn pages(length: usize) -> Layout {
    Layout::from_size_align(length, PAGE).unwrap_or(Layout::new::<u8>())
}

impl Counted {
    /// The bytes of all pieces.
    pub fn in_pieces(&self) -> usize {
        self.pieces.iter().map(|(_, length)| length).sum()
    }

    /// The bytes of all mappings.
    pub fn in_mappings(&self) -> usize {
        self.mappings.values().sum()
    }

    fn more(&self, length: usize) -> *mut u8 {
        if self.most > 0 && self.in_pieces() + self.in_mappings() + length > self.most {
            return std::ptr::null_mut();
        }
        // SAFETY: no mapping and no piece is empty.
        unsafe { alloc_zeroed(pages(length)) }
    }
}

impl Pages for Counted {
    fn piece(&mut self) -> (*mut u8, usize) {
        let piece = self.more(PIECE);
        if !piece.is_null() {
            self.pieces.push((piece, PIECE));
        }
        (piece, PIECE)
    }

    fn map(&mut self, length: usize) -> *mut u8 {
        assert!(length > 0 && length.is_multiple_of(PAGE), "{length}");
        let at = self.more(length);
        if !at.is_null() {
            self.mappings.insert(at.addr(), length);
        }
        at
    }

    unsafe fn unmap(&mut self, at: *mut u8, length: usize) {
        assert_eq!(self.mappings.remove(&at.addr()), Some(length), "no such mapping");
        // SAFETY: `more` gave it, with that length.
        unsafe { dealloc(at, pages(length)) };
    }

    unsafe fn remap(&mut self, at: *mut u8, length: usize, wanted: usize) -> *mut u8 {
        assert_eq!(self.mappings.get(&at.addr()), Some(&length), "no such mapping");
        let new = self.map(wanted);
        if !new.is_null() {
            // SAFETY: both are that long, and different ones.
            unsafe {
                std::ptr::copy_nonoverlapping(at, new, length.min(wanted));
                self.unmap(at, length);
            }
        }
        new
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mappings = core::mem::take(&mut self.mappings);
        assert!(mappings.is_empty(), "what was freed is still mapped");
        for (piece, length) in self.pieces.drain(..) {
            // SAFETY: `more` gave it, with that length.
            unsafe { dealloc(piece, pages(length)) };
        }
    }
}

struct Owned {
    at: *mut u8,
    size: usize,
    align: usize,
    /// What each byte of it holds.
    mark: u8,
}

/// A heap and the blocks that are owned.
pub struct Model {
    heap: Heap<Counted>,
    owned: Vec<Owned>,
    mark: u8,
}

impl Model {
    /// Without blocks; `most` bytes of memory at most; 0: as much as there is.
    pub fn new(most: usize) -> Model {
        let pages = Counted { pieces: Vec::new(), mappings: BTreeMap::new(), most };
        Model { heap: Heap::new(pages), owned: Vec::new(), mark: 0 }
    }

    /// Where its memory comes from.
    pub fn pages(&self) -> &Counted {
        self.heap.pages()
    }

    /// How many blocks are owned.
    pub fn len(&self) -> usize {
        self.owned.len()
    }

    /// None are.
    pub fn is_empty(&self) -> bool {
        self.owned.is_empty()
    }

    /// Whether a block of that size could be had.
    pub fn allocate(&mut self, size: usize) -> bool {
        let at = self.heap.allocate(size);
        self.own(at, size, 16)
    }

    /// The same, zeroed.
    pub fn allocate_zeroed(&mut self, size: usize) -> bool {
        let at = self.heap.allocate_zeroed(size);
        if !at.is_null() {
            // SAFETY: the heap says that `size` bytes from there on are ours.
            let bytes = unsafe { core::slice::from_raw_parts(at, size) };
            assert!(bytes.iter().all(|byte| *byte == 0), "{size} bytes are not zeroed");
        }
        self.own(at, size, 16)
    }

    /// The same, aligned to a power of two.
    pub fn allocate_aligned(&mut self, size: usize, align: usize) -> bool {
        let at = self.heap.allocate_aligned(size, align);
        self.own(at, size, align)
    }

    /// Another size for the block of that number, counted round and round.
    pub fn reallocate(&mut self, number: usize, size: usize) -> bool {
        let Some(owned) = self.look(number) else { return false };
        // SAFETY: it is owned; whoever fails has it still.
        let at = unsafe { self.heap.reallocate(owned.at, size) };
        if at.is_null() {
            self.owned.push(owned);
            return false;
        }
        check(at, owned.size.min(size), owned.mark);
        self.own(at, size, 16)
    }

    /// Frees the block of that number, counted round and round.
    pub fn free(&mut self, number: usize) {
        if let Some(owned) = self.look(number) {
            // SAFETY: it is owned, and forgotten now.
            unsafe { self.heap.free(owned.at) };
        }
    }

    fn own(&mut self, at: *mut u8, size: usize, align: usize) -> bool {
        if at.is_null() {
            return false;
        }
        assert_eq!(at.addr() % align.max(16), 0, "{size} bytes are not aligned to {align}");
        for other in &self.owned {
            let (ours, theirs) = (at.addr(), other.at.addr());
            assert!(
                ours + size <= theirs || theirs + other.size <= ours,
                "{size} bytes at {ours:#x} overlap {} bytes at {theirs:#x}",
                other.size
            );
        }
        self.mark = self.mark.wrapping_add(1).max(1);
        // SAFETY: the heap says that they are ours.
        unsafe { core::ptr::write_bytes(at, self.mark, size) };
        self.owned.push(Owned { at, size, align, mark: self.mark });
        true
    }

    fn look(&mut self, number: usize) -> Option<Owned> {
        let number = number.checked_rem(self.owned.len())?;
        let owned = self.owned.swap_remove(number);
        assert_eq!(owned.at.addr() % owned.align, 0);
        check(owned.at, owned.size, owned.mark);
        Some(owned)
    }
}

fn check(at: *mut u8, size: usize, mark: u8) {
    // SAFETY: that many bytes are owned, and were written when they came to be.
    let bytes = unsafe { core::slice::from_raw_parts(at, size) };
    assert!(bytes.iter().all(|byte| *byte == mark), "{size} bytes are not what was written");
}

impl Drop for Model {
    fn drop(&mut self) {
        while !self.owned.is_empty() {
            self.free(0);
        }
    }
}

/// Does what the bytes say, four for each act: which, and with what.
pub fn run(acts: &[u8]) {
    let mut model = Model::new(4 << 20);
    for act in acts.as_chunks::<4>().0.iter().take(1024) {
        let [what, scale, low, high] = *act;
        let number = usize::from(u16::from_le_bytes([low, high]));
        // Small ones as often as large ones, of which some are mapped.
        let size = (number % 49_000) >> (scale % 16);
        match what % 8 {
            0..3 => model.allocate(size),
            3 => model.allocate_zeroed(size),
            4 => model.allocate_aligned(size, 1 << (scale % 13)),
            5 => model.reallocate(number, size),
            _ => {
                model.free(number);
                true
            }
        };
    }
}
