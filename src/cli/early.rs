//! What has to be known before Rust's runtime starts: it opens `/dev/null` in place of standard descriptors that are
//! closed, but a program must see them closed.

use std::sync::atomic::{AtomicU8, Ordering};

/// Bit n: descriptor n was closed when the process started.
static CLOSED: AtomicU8 = AtomicU8::new(0);

extern "C" fn look() {
    for fd in 0..3 {
        // SAFETY: plain query.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
            CLOSED.fetch_or(1 << fd, Ordering::Relaxed);
        }
    }
}

// SAFETY: the loader calls every entry of this section once, without arguments that `look` would need.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

/// Keeps the first part of the allocator's memory off huge pages: small programs would pay for them with memory that
/// they never touch. What grows beyond it has them.
pub fn prefer_small_pages() {
    const HUGE: usize = 2 << 20;
    const SMALL_PART: usize = 32 << 20;
    let probe = Box::new([0u8; 64]);
    let start = (probe.as_ptr() as usize).next_multiple_of(HUGE);
    // SAFETY: advice about pages does not change what they hold; it fails where nothing is mapped.
    unsafe { libc::madvise(start as *mut libc::c_void, SMALL_PART, libc::MADV_NOHUGEPAGE) };
}

/// Closes again what was closed at the start.
pub fn restore_closed_descriptors() {
    for fd in 0..3 {
        if CLOSED.load(Ordering::Relaxed) & (1 << fd) != 0 {
            // SAFETY: the descriptor is the stand-in that nobody knows of.
            unsafe { libc::close(fd) };
        }
    }
}
