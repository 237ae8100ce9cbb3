//! Blocks, their sizes and free lists.
//!
//! A block is eight bytes of header and what its owner gets, which is aligned to 16. The header says
//! where the block goes when it is freed: to the list of its class, to the kernel, or, for one with
//! a larger alignment, how far into another block it lies.
//!
//! Classes are 16, 32, 48 and 64 bytes, then four to each doubling up to 32 KiB: a quarter is wasted
//! at most. Small blocks are cut off a *piece*, the static block at first. When the piece is used up,
//! what is left of it goes to the lists, and the next one is a larger free block, if there is any,
//! and memory of the kernel's only then. A block is cut only while its class has fewer blocks than
//! were ever needed at once, so a program that goes round in circles stops growing.

use core::ptr;

/// Where memory comes from.
pub trait Pages {
    /// Memory to cut small blocks from, and its length: zeroed, aligned to 16, at least [`PIECE`]
    /// bytes. Null when there is none.
    fn piece(&mut self) -> (*mut u8, usize);

    /// `length` bytes, a multiple of [`PAGE`], zeroed and aligned to 16. Null when there are none.
    fn map(&mut self, length: usize) -> *mut u8;

    /// Takes back what `map` or `remap` gave.
    ///
    /// # Safety
    /// `at` and `length` are those of a mapping, and nobody uses it any more.
    unsafe fn unmap(&mut self, at: *mut u8, length: usize);

    /// Makes a mapping longer or shorter, perhaps elsewhere, with its content. Null when that cannot
    /// be done; it is what it was then.
    ///
    /// # Safety
    /// `at` and `length` are those of a mapping, and nobody holds its old address.
    unsafe fn remap(&mut self, at: *mut u8, length: usize, wanted: usize) -> *mut u8;
}

/// What lengths of mappings are multiples of. Where the kernel's pages are larger, it rounds up.
pub const PAGE: usize = 4096;

/// The least that a piece has: one block of the largest class, and the header's place before it.
pub const PIECE: usize = 64 * 1024;

/// What every address is a multiple of: `max_align_t`, on which std relies.
const ALIGN: usize = 16;

/// The header's bytes, of which a `usize` is used: the one right before the owner's part.
const HEADER: usize = 8;

const CLASSES: usize = 40;

/// The largest class, header included.
const LARGEST: usize = 32 * 1024;

/// The two lowest bits of a header: a class, the length of a mapping, a distance. All three are
/// stored in multiples of four.
const KIND: usize = 3;
const SMALL: usize = 0;
const LARGE: usize = 1;
const ALIGNED: usize = 2;

/// All blocks that were ever cut, and what is left to cut from.
pub struct Heap<P> {
    /// The owner's part of the first free block of each class; its first word points to the next.
    free: [*mut u8; CLASSES],
    /// The piece: where the next block's header goes, eight bytes behind a multiple of 16.
    next: *mut u8,
    left: usize,
    /// Nobody wrote to what is left of the piece, so it is zero.
    fresh: bool,
    pages: P,
}

impl<P: Pages> Heap<P> {
    /// An empty one: all zero, so that it needs no room in the executable.
    pub const fn new(pages: P) -> Heap<P> {
        let none = ptr::null_mut();
        Heap { free: [none; CLASSES], next: none, left: 0, fresh: false, pages }
    }

    /// Where its memory comes from.
    pub fn pages(&self) -> &P {
        &self.pages
    }

    /// `size` bytes, aligned to 16; null when there is no memory.
    pub fn allocate(&mut self, size: usize) -> *mut u8 {
        self.take(size).0
    }

    /// The same, zeroed. Memory that was never used is not touched, so that it stays unoccupied.
    pub fn allocate_zeroed(&mut self, size: usize) -> *mut u8 {
        let (block, zero) = self.take(size);
        if !block.is_null() && !zero {
            // SAFETY: `take` gave `size` bytes that nobody else has.
            unsafe { ptr::write_bytes(block, 0, size) };
        }
        block
    }

    /// The same, aligned to `align`, a power of two.
    pub fn allocate_aligned(&mut self, size: usize, align: usize) -> *mut u8 {
        if align <= ALIGN {
            return self.allocate(size);
        }
        let Some(total) = size.checked_add(align) else { return ptr::null_mut() };
        let outer = self.allocate(total);
        if outer.is_null() {
            return outer;
        }
        // From 16 (both are multiples of that) to `align`: room for a header, and `size` bytes are
        // left behind it.
        let distance = align - (outer.addr() & (align - 1));
        // SAFETY: `distance + size <= total`, and the header lies between `outer` and there.
        unsafe {
            let block = outer.add(distance);
            set_header(block, distance << 2 | ALIGNED);
            block
        }
    }

    /// Gives back what one of the other functions gave.
    ///
    /// # Safety
    /// `block` came from this heap, was not freed, and nobody uses it any more.
    pub unsafe fn free(&mut self, block: *mut u8) {
        // SAFETY: by the contract there is a header before it, which says what else belongs to it.
        unsafe {
            let header = header(block);
            match header & KIND {
                LARGE => self.pages.unmap(block.sub(ALIGN), header & !KIND),
                ALIGNED => self.free(block.sub(header >> 2)),
                _ => self.push(block, header >> 2),
            }
        }
    }

    /// A block of `size` bytes with the content of `block`, as much as fits into both; null when
    /// there is no memory: `block` is what it was then.
    ///
    /// # Safety
    /// As for [`Heap::free`]; afterwards only the new address is good.
    pub unsafe fn reallocate(&mut self, block: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: by the contract there is a header before `block`. A mapping is moved whole, header
        // included. Else `room` bytes belong to `block`, the new block has at least `size`, the lesser
        // of both is copied, and the two do not overlap since both are allocated.
        unsafe {
            let header = header(block);
            if header & KIND == LARGE && size > LARGEST - HEADER {
                let (Some(wanted), length) = (mapping(size), header & !KIND) else {
                    return ptr::null_mut();
                };
                if wanted == length {
                    return block;
                }
                return of_mapping(self.pages.remap(block.sub(ALIGN), length, wanted), wanted);
            }
            let room = room(block);
            if size <= room && header & KIND == SMALL {
                return block;
            }
            let new = self.allocate(size);
            if !new.is_null() {
                ptr::copy_nonoverlapping(block, new, room.min(size));
                self.free(block);
            }
            new
        }
    }

    /// A block, and whether it is zero.
    fn take(&mut self, size: usize) -> (*mut u8, bool) {
        if size > LARGEST - HEADER {
            let Some(length) = mapping(size) else { return (ptr::null_mut(), false) };
            // SAFETY: what `map` gave is as long as that, and ours.
            return (unsafe { of_mapping(self.pages.map(length), length) }, true);
        }
        let class = class_of(size + HEADER);
        let block = self.pop(class);
        if !block.is_null() {
            return (block, false);
        }
        let stride = stride_of(class);
        if self.left < stride && !self.refill(class) {
            return (ptr::null_mut(), false);
        }
        (self.cut(class, stride), self.fresh)
    }

    /// Cuts a block off the piece, which has as much.
    fn cut(&mut self, class: usize, stride: usize) -> *mut u8 {
        // SAFETY: `stride <= left` bytes from `next` on are the piece's, and no block's; a stride is at
        // least 16, so header and owner's part fit.
        unsafe {
            let block = self.next.add(HEADER);
            self.next = self.next.add(stride);
            self.left -= stride;
            set_header(block, class << 2 | SMALL);
            block
        }
    }

    /// Puts a block on its list.
    ///
    /// # Safety
    /// It is a small one of that class that nobody owns.
    unsafe fn push(&mut self, block: *mut u8, class: usize) {
        let first = self.list(class);
        // SAFETY: the owner's part is at least eight bytes, aligned to 16, and nobody's.
        unsafe { block.cast::<*mut u8>().write(*first) };
        *first = block;
    }

    /// Takes a block off its list; null when there is none.
    fn pop(&mut self, class: usize) -> *mut u8 {
        let first = self.list(class);
        let block = *first;
        if !block.is_null() {
            // SAFETY: `push` wrote the next free block's address there; nobody owns it since.
            *first = unsafe { block.cast::<*mut u8>().read() };
        }
        block
    }

    fn list(&mut self, class: usize) -> &mut *mut u8 {
        debug_assert!(class < CLASSES);
        // SAFETY: classes are those of `class_of`, of a header that `cut` wrote, or of a loop over all.
        // A check would link the words of a panic.
        unsafe { self.free.get_unchecked_mut(class) }
    }

    /// A new piece that has room for a block of this class.
    #[cold]
    fn refill(&mut self, class: usize) -> bool {
        // What is left goes to the lists, the largest blocks first.
        for smaller in (0..CLASSES).rev() {
            while self.left >= stride_of(smaller) {
                let block = self.cut(smaller, stride_of(smaller));
                // SAFETY: it was cut just now.
                unsafe { self.push(block, smaller) };
            }
        }
        for larger in class + 1..CLASSES {
            let block = self.pop(larger);
            if !block.is_null() {
                // SAFETY: its header lies before it, and is nobody's either.
                self.next = unsafe { block.sub(HEADER) };
                self.left = stride_of(larger);
                self.fresh = false;
                return true;
            }
        }
        let (piece, length) = self.pages.piece();
        if piece.is_null() {
            return false;
        }
        // SAFETY: it is longer than that. So the owner's parts are at multiples of 16.
        self.next = unsafe { piece.add(ALIGN - HEADER) };
        self.left = length - (ALIGN - HEADER);
        self.fresh = true;
        true
    }
}

/// The class whose blocks have at least `size` bytes, header included; `size` is 8 to [`LARGEST`].
fn class_of(size: usize) -> usize {
    let last = size - 1;
    if last < 64 {
        return last / 16;
    }
    let doubling = usize::BITS - 1 - last.leading_zeros();
    // The quarter of the doubling is in the two bits below the highest.
    4 * (doubling as usize - 5) + (last >> (doubling - 2) & 3)
}

/// The bytes from one block of that class to the next.
fn stride_of(class: usize) -> usize {
    if class < 4 {
        return (class + 1) * 16;
    }
    // Four quarters make the doubling, one to four of them on top of it.
    (class % 4 + 5) << (class / 4 + 3)
}

/// The length of the mapping for a large block.
fn mapping(size: usize) -> Option<usize> {
    Some(size.checked_add(ALIGN + PAGE - 1)? & !(PAGE - 1))
}

/// The owner's part of a mapping, behind 16 bytes of which the header is the second half. Null stays
/// null.
///
/// # Safety
/// The mapping has `length` bytes, and nobody uses the first 16.
unsafe fn of_mapping(at: *mut u8, length: usize) -> *mut u8 {
    if at.is_null() {
        return at;
    }
    // SAFETY: by the contract.
    unsafe {
        let block = at.add(ALIGN);
        set_header(block, length | LARGE);
        block
    }
}

/// How many bytes the owner of a block may use.
///
/// # Safety
/// It is a block of a heap.
unsafe fn room(block: *mut u8) -> usize {
    // SAFETY: by the contract there is a header, also before the outer block.
    unsafe {
        let header = header(block);
        match header & KIND {
            LARGE => (header & !KIND) - ALIGN,
            ALIGNED => room(block.sub(header >> 2)) - (header >> 2),
            _ => stride_of(header >> 2) - HEADER,
        }
    }
}

/// # Safety
/// It is a block of a heap.
unsafe fn header(block: *mut u8) -> usize {
    // SAFETY: the word before a block is its header, and aligned since the block is.
    unsafe { block.cast::<usize>().sub(1).read() }
}

/// # Safety
/// The word before `block`, which is aligned to 16, is the heap's to write.
unsafe fn set_header(block: *mut u8, header: usize) {
    // SAFETY: by the contract.
    unsafe { block.cast::<usize>().sub(1).write(header) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_the_smallest_that_fits() {
        for size in HEADER..=LARGEST {
            let class = class_of(size);
            assert!(class < CLASSES, "{size}");
            assert!(stride_of(class) >= size, "{size}");
            assert!(class == 0 || stride_of(class - 1) < size, "{size}");
            assert_eq!(stride_of(class) % 16, 0, "{size}");
        }
        assert_eq!(stride_of(CLASSES - 1), LARGEST);
    }

    #[test]
    fn no_more_than_a_quarter_of_a_block_is_wasted() {
        for class in 4..CLASSES {
            let (least, most) = (stride_of(class - 1) + 1, stride_of(class));
            assert!((most - least) * 4 < most, "{least} in {most}");
        }
    }
}
