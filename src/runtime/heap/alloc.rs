//! `obmalloc`: arenas of pools of equal blocks.
//!
//! One large range of addresses is reserved at start and handed out in arenas of 1 MiB, cut into
//! pools of 16 KiB that each serve one size class (multiples of 16 up to 512 bytes) and one kind:
//! objects that can be part of a cycle have pools of their own, so that the collector walks pools
//! instead of a list. Larger blocks come from the allocator of Rust's tables. Not thread safe: callers hold the GIL.
//!
//! A free block holds 0 in its first word (where a live object has its reference count) and the
//! next free block in its second.

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::ptr;

const ARENA_SIZE: usize = 1 << 20;
pub const POOL_SIZE: usize = 1 << 14;
const ALIGNMENT: usize = 16;
/// Largest block served from pools.
pub const SMALL_LIMIT: usize = 512;
const CLASSES: usize = SMALL_LIMIT / ALIGNMENT;
const POOL_HEADER: usize = 64;
/// Bits behind the point of [`Pool::inverse`].
const INVERSE_BITS: u32 = 16;
const _: () = assert!(POOL_SIZE / ALIGNMENT * CLASSES <= 1 << INVERSE_BITS && size_of::<Pool>() <= POOL_HEADER);
const RESERVED: usize = 1 << 38;
const DEFAULT_THRESHOLD: isize = 2000;

/// The head of a pool; its blocks follow.
#[repr(C)]
pub struct Pool {
    free: *mut FreeBlock,
    /// Blocks from here to `end` have never been handed out.
    bump: *mut u8,
    end: *mut u8,
    /// Next pool of the same class with free blocks, or next unused pool.
    next: *mut Pool,
    used: u32,
    block_size: u32,
    /// One block by the number of its units of [`ALIGNMENT`] bytes, rounded up: a division for [`Pool::block_index`].
    inverse: u32,
    class: u8,
    gc: bool,
    /// In its class's list of pools with free blocks.
    listed: bool,
    /// Collections survived, 0 = young.
    pub generation: u8,
    /// Index into the collector's table of pools.
    pub index: u32,
}

#[repr(C)]
struct FreeBlock {
    zero: u64,
    next: *mut FreeBlock,
}

/// Prefix of a large block.
#[repr(C)]
struct LargePrefix {
    /// Where a block of the collected kind stands in [`Heap::large`].
    index: u32,
    /// It comes from the C library itself, not by way of the allocator of Rust's tables.
    from_system: bool,
    size: u64,
}

impl LargePrefix {
    /// What the allocator is told of a block with room for `size` bytes behind the prefix.
    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size + size_of::<LargePrefix>(), ALIGNMENT).unwrap_or_else(|_| out_of_memory())
    }
}

/// All memory of one runtime.
pub struct Heap {
    /// The reserved range.
    base: usize,
    end: usize,
    next_arena: usize,
    unused_pools: *mut Pool,
    /// Pool that serves the next request of each class: plain kinds first, then collected ones.
    current: [*mut Pool; CLASSES * 2],
    /// Every pool of the collected kind, in use or not.
    pub gc_pools: Vec<*mut Pool>,
    /// Large objects of the collected kind, with their generation.
    pub large: Vec<(*mut u8, u8)>,
    large_blocks: usize,
    /// Collected objects allocated minus freed since the last collection.
    pub gc_count: isize,
    gc_threshold: isize,
    /// The count at which a collection is asked for: the threshold, or out of reach.
    gc_trigger: isize,
    pools_in_use: usize,
    arenas: usize,
    /// `PYTHONMALLOC=malloc`: every block comes from the system.
    use_malloc: bool,
    /// The debug forms of it.
    poison: bool,
}

struct HeapCell(UnsafeCell<Heap>);
// SAFETY: the heap is only touched by the thread that holds the GIL.
unsafe impl Sync for HeapCell {}

static HEAP: HeapCell = HeapCell(UnsafeCell::new(Heap {
    base: 0,
    end: 0,
    next_arena: 0,
    unused_pools: ptr::null_mut(),
    current: [ptr::null_mut(); CLASSES * 2],
    gc_pools: Vec::new(),
    large: Vec::new(),
    large_blocks: 0,
    gc_count: 0,
    gc_threshold: DEFAULT_THRESHOLD,
    gc_trigger: DEFAULT_THRESHOLD,
    pools_in_use: 0,
    arenas: 0,
    use_malloc: false,
    poison: false,
}));

/// The heap; the caller holds the GIL and keeps no reference across calls that allocate.
#[allow(clippy::mut_from_ref)]
#[inline(always)]
pub fn heap() -> &'static mut Heap {
    // SAFETY: under the GIL there is one user at a time, and each use is short.
    unsafe { &mut *HEAP.0.get() }
}

/// Allocates `size` bytes for an object; `gc` = it can be part of a cycle. Aborts the process if the
/// system has no memory left, as Rust's own allocations do.
#[inline]
pub fn allocate(size: usize, gc: bool) -> *mut u8 {
    let block = allocate_quick(size, gc);
    if block.is_null() { allocate_any(size, gc) } else { block }
}

/// As [`allocate`], if the block is the first one of its size class's free list and nothing else is due: else null,
/// and nothing done. Calls nothing.
#[inline(always)]
pub fn allocate_quick(size: usize, gc: bool) -> *mut u8 {
    let heap = heap();
    let count = heap.gc_count + gc as isize;
    let class = size.wrapping_sub(1) / ALIGNMENT;
    if class >= CLASSES || count > heap.gc_trigger {
        return ptr::null_mut();
    }
    let pool = heap.current[class + if gc { CLASSES } else { 0 }];
    if pool.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: a current pool is valid, and its free list holds free blocks of this class.
    unsafe {
        let block = (*pool).free;
        if !block.is_null() {
            heap.gc_count = count;
            (*pool).free = (*block).next;
            (*pool).used += 1;
        }
        block as *mut u8
    }
}

#[inline(never)]
fn allocate_any(size: usize, gc: bool) -> *mut u8 {
    debug_assert!(size != 0);
    let heap = heap();
    if gc {
        heap.gc_count += 1;
        if heap.gc_count > heap.gc_trigger {
            heap.request_collection();
        }
    }
    if size <= SMALL_LIMIT {
        return heap.allocate_slow((size - 1) / ALIGNMENT + if gc { CLASSES } else { 0 });
    }
    heap.allocate_large(size, gc)
}

/// Returns a block of [`allocate`].
#[inline]
pub fn free(block: *mut u8, gc: bool) {
    let heap = heap();
    heap.gc_count -= gc as isize;
    if heap.contains(block) {
        let pool = pool_of(block);
        // SAFETY: the address lies in the reserved range, so it is a block of that pool.
        unsafe {
            let block = block as *mut FreeBlock;
            (*block).zero = 0;
            (*block).next = (*pool).free;
            (*pool).free = block;
            (*pool).used -= 1;
            if !(*pool).listed || (*pool).used == 0 {
                heap.pool_has_room(pool);
            }
        }
    } else {
        heap.free_large(block, gc);
    }
}

/// Makes room for `new_size` bytes in a block of the plain kind that nobody else knows the address of: the block,
/// moved if need be with its first `used` bytes.
///
/// # Safety
/// `block` came from `allocate(_, false)`.
pub unsafe fn grow(block: *mut u8, used: usize, new_size: usize) -> *mut u8 {
    let heap = heap();
    // SAFETY: by contract.
    unsafe {
        if heap.contains(block) {
            if new_size <= (*pool_of(block)).block_size as usize {
                return block;
            }
            let moved = allocate(new_size, false);
            ptr::copy_nonoverlapping(block, moved, used);
            free(block, false);
            return moved;
        }
        let prefix = (block as *mut LargePrefix).sub(1);
        let moved = if (*prefix).from_system {
            libc::realloc(prefix.cast(), new_size + size_of::<LargePrefix>()) as *mut LargePrefix
        } else {
            let (old, new) = (LargePrefix::layout((*prefix).size as usize), LargePrefix::layout(new_size));
            std::alloc::realloc(prefix.cast(), old, new.size()) as *mut LargePrefix
        };
        if moved.is_null() {
            out_of_memory();
        }
        (*moved).size = new_size as u64;
        moved.add(1) as *mut u8
    }
}

/// The pool that a block inside the reserved range belongs to.
#[inline(always)]
pub fn pool_of(block: *const u8) -> *mut Pool {
    (block as usize & !(POOL_SIZE - 1)) as *mut Pool
}

impl Pool {
    /// The blocks that have been handed out at least once: address of the first, size, how many.
    pub fn blocks(&self) -> (usize, usize, usize) {
        let first = self as *const Pool as usize + POOL_HEADER;
        let size = self.block_size as usize;
        (first, size, (self.bump as usize - first) / size)
    }

    /// Its blocks are of the collected kind.
    #[inline(always)]
    pub fn is_collected(&self) -> bool {
        self.gc
    }

    pub fn in_use(&self) -> u32 {
        self.used
    }

    /// Block number of an address in this pool.
    #[inline(always)]
    pub fn block_index(&self, address: usize) -> usize {
        let offset = address - (self as *const Pool as usize + POOL_HEADER);
        // Exact as long as the number of units in a pool times that in a block is no more than the fixed point's one.
        let index = (offset / ALIGNMENT * self.inverse as usize) >> INVERSE_BITS;
        debug_assert!(index == offset / self.block_size as usize);
        index
    }
}

impl Heap {
    #[inline(always)]
    pub fn contains(&self, block: *const u8) -> bool {
        (block as usize).wrapping_sub(self.base) < self.end - self.base
    }

    /// Takes every later block from the system allocator; with `poison`, fills blocks with a pattern before they are
    /// used and when they are returned.
    pub fn use_system_blocks(&mut self, poison: bool) {
        self.use_malloc = true;
        self.poison = poison;
    }

    #[cold]
    #[inline(never)]
    fn request_collection(&mut self) {
        self.gc_trigger = isize::MAX;
        crate::thread::request_gc();
    }

    /// A collection begins: the count of objects starts anew.
    pub fn collection_begins(&mut self) {
        self.gc_count = 0;
        self.set_gc_threshold(self.gc_threshold);
    }

    /// How many objects more than at the last collection ask for the next one.
    pub fn gc_threshold(&self) -> isize {
        self.gc_threshold
    }

    /// Sets [`Self::gc_threshold`]; 0 and less: never.
    pub fn set_gc_threshold(&mut self, threshold: isize) {
        self.gc_threshold = threshold;
        self.gc_trigger = if threshold > 0 { threshold } else { isize::MAX };
    }

    /// Blocks handed out and not yet returned (`sys.getallocatedblocks`).
    pub fn allocated_blocks(&self) -> usize {
        let mut blocks = self.large_blocks;
        let mut pool = self.base;
        while self.base != 0 && pool < self.next_arena {
            // SAFETY: every pool below `next_arena` has been initialised by `grow`.
            unsafe { blocks += (*(pool as *const Pool)).used as usize }
            pool += POOL_SIZE;
        }
        blocks
    }

    /// (arenas, pools in use, pools in all) for `sys._debugmallocstats`.
    pub fn statistics(&self) -> (usize, usize, usize) {
        (self.arenas, self.pools_in_use, self.arenas * (ARENA_SIZE / POOL_SIZE))
    }

    #[cold]
    #[inline(never)]
    fn allocate_slow(&mut self, class: usize) -> *mut u8 {
        if self.use_malloc {
            return self.allocate_large((class % CLASSES + 1) * ALIGNMENT, class >= CLASSES);
        }
        loop {
            let pool = self.current[class];
            // SAFETY: current pools are valid; `bump..end` is the untouched rest of the pool.
            unsafe {
                if pool.is_null() {
                    self.current[class] = self.take_pool(class);
                    continue;
                }
                (*pool).generation = 0;
                if !(*pool).free.is_null() {
                    let block = (*pool).free;
                    (*pool).free = (*block).next;
                    (*pool).used += 1;
                    return block as *mut u8;
                }
                let block = (*pool).bump;
                let size = (*pool).block_size as usize;
                if block as usize + size <= (*pool).end as usize {
                    (*pool).bump = block.add(size);
                    (*pool).used += 1;
                    return block;
                }
                (*pool).listed = false;
                self.current[class] = (*pool).next;
                (*pool).next = ptr::null_mut();
            }
        }
    }

    /// A full pool got a free block, or the last block of a pool was returned.
    #[cold]
    fn pool_has_room(&mut self, pool: *mut Pool) {
        // SAFETY: pools are valid for the life of the process.
        unsafe {
            let class = (*pool).class as usize + if (*pool).gc { CLASSES } else { 0 };
            if !(*pool).listed {
                (*pool).listed = true;
                let current = self.current[class];
                if current.is_null() {
                    (*pool).next = ptr::null_mut();
                    self.current[class] = pool;
                } else {
                    (*pool).next = (*current).next;
                    (*current).next = pool;
                }
            }
            if (*pool).used == 0 && self.current[class] != pool {
                self.unlink(class, pool);
            }
        }
    }

    /// Gives an empty pool back for use by any class.
    ///
    /// # Safety
    /// `pool` is listed under `class`, is not its head, and has no block in use.
    unsafe fn unlink(&mut self, class: usize, pool: *mut Pool) {
        // SAFETY: the list of a class holds valid pools.
        unsafe {
            let mut at = self.current[class];
            while !at.is_null() && (*at).next != pool {
                at = (*at).next;
            }
            if at.is_null() {
                return;
            }
            (*at).next = (*pool).next;
            (*pool).listed = false;
            if (*pool).gc {
                let index = (*pool).index as usize;
                self.gc_pools.swap_remove(index);
                if let Some(&moved) = self.gc_pools.get(index) {
                    (*moved).index = index as u32;
                }
                (*pool).gc = false;
            }
            (*pool).next = self.unused_pools;
            self.unused_pools = pool;
            self.pools_in_use -= 1;
        }
    }

    fn take_pool(&mut self, class: usize) -> *mut Pool {
        if self.unused_pools.is_null() {
            self.grow();
        }
        let pool = self.unused_pools;
        // SAFETY: unused pools are valid and belong to nobody.
        unsafe {
            self.unused_pools = (*pool).next;
            let gc = class >= CLASSES;
            let index = self.gc_pools.len() as u32;
            *pool = Pool {
                free: ptr::null_mut(),
                bump: (pool as *mut u8).add(POOL_HEADER),
                end: (pool as *mut u8).add(POOL_SIZE),
                next: ptr::null_mut(),
                used: 0,
                block_size: ((class % CLASSES + 1) * ALIGNMENT) as u32,
                inverse: (1u32 << INVERSE_BITS).div_ceil((class % CLASSES + 1) as u32),
                class: (class % CLASSES) as u8,
                gc,
                listed: true,
                generation: 0,
                index,
            };
            if gc {
                self.gc_pools.push(pool);
            }
        }
        self.pools_in_use += 1;
        pool
    }

    /// Adds an arena.
    fn grow(&mut self) {
        // SAFETY: plain anonymous mappings; the result is checked.
        unsafe {
            if self.base == 0 {
                let mut size = RESERVED;
                loop {
                    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
                    let p = libc::mmap(ptr::null_mut(), size, libc::PROT_NONE, flags, -1, 0);
                    if p != libc::MAP_FAILED {
                        self.base = (p as usize + ARENA_SIZE - 1) & !(ARENA_SIZE - 1);
                        self.end = p as usize + size;
                        self.next_arena = self.base;
                        break;
                    }
                    size /= 2;
                    if size < ARENA_SIZE * 4 {
                        out_of_memory();
                    }
                }
            }
            if self.next_arena + ARENA_SIZE > self.end {
                out_of_memory();
            }
            let arena = self.next_arena as *mut u8;
            if libc::mprotect(arena.cast(), ARENA_SIZE, libc::PROT_READ | libc::PROT_WRITE) != 0 {
                out_of_memory();
            }
            self.next_arena += ARENA_SIZE;
            self.arenas += 1;
            for i in (0..ARENA_SIZE / POOL_SIZE).rev() {
                let pool = arena.add(i * POOL_SIZE) as *mut Pool;
                (*pool).next = self.unused_pools;
                (*pool).used = 0;
                self.unused_pools = pool;
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn allocate_large(&mut self, size: usize, gc: bool) -> *mut u8 {
        self.large_blocks += 1;
        // SAFETY: the system's block has room for the prefix; alignment is 16.
        unsafe {
            let layout = LargePrefix::layout(size);
            let p = if self.use_malloc { libc::malloc(layout.size()).cast() } else { std::alloc::alloc(layout) };
            let p = p as *mut LargePrefix;
            if p.is_null() {
                out_of_memory();
            }
            (*p).from_system = self.use_malloc;
            (*p).size = size as u64;
            let block = p.add(1) as *mut u8;
            if self.poison {
                ptr::write_bytes(block, 0xcd, size);
            }
            if gc {
                (*p).index = self.large.len() as u32;
                self.large.push((block, 0));
            }
            block
        }
    }

    #[cold]
    #[inline(never)]
    fn free_large(&mut self, block: *mut u8, gc: bool) {
        self.large_blocks -= 1;
        // SAFETY: a block of `allocate_large` has its prefix in front.
        unsafe {
            let p = (block as *mut LargePrefix).sub(1);
            if gc {
                let index = (*p).index as usize;
                self.large.swap_remove(index);
                if let Some(&(moved, _)) = self.large.get(index) {
                    (*(moved as *mut LargePrefix).sub(1)).index = index as u32;
                }
            }
            if self.poison {
                ptr::write_bytes(block, 0xdd, (*p).size as usize);
            }
            if (*p).from_system {
                libc::free(p.cast());
            } else {
                std::alloc::dealloc(p.cast(), LargePrefix::layout((*p).size as usize));
            }
        }
    }

    /// Index of a large collected block in [`Heap::large`].
    ///
    /// # Safety
    /// `block` came from `allocate_large` with `gc` set.
    pub unsafe fn large_index(&self, block: *const u8) -> usize {
        // SAFETY: by contract.
        unsafe { (*(block as *const LargePrefix).sub(1)).index as usize }
    }
}

fn out_of_memory() -> ! {
    eprintln!("pyrs: out of memory");
    std::process::abort()
}

const _: () = assert!(size_of::<Pool>() <= POOL_HEADER);
