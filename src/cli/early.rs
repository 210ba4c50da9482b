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

/// Closes again what was closed at the start.
pub fn restore_closed_descriptors() {
    for fd in 0..3 {
        if CLOSED.load(Ordering::Relaxed) & (1 << fd) != 0 {
            // SAFETY: the descriptor is the stand-in that nobody knows of.
            unsafe { libc::close(fd) };
        }
    }
}
