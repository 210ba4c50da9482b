//! Tier 2a: hot code becomes machine code.
//!
//! A loop whose counter runs out is *recorded* ([`record`]): a dispatch table of our own sees every instruction, with
//! the operands it meets, while the interpreter executes it. The recording is *lowered* ([`lower`]) to micro-ops in
//! one pass that knows types, reference counts and the frames of inlined calls, and leaves out what they make
//! needless. [`assemble`] copies the micro-ops' stencils one behind the other and fills their holes. The result is an
//! [`executor::Executor`]; the loop's back edge becomes `ENTER_EXECUTOR`.
//!
//! Where a guard fails, control leaves through a stub that stores the cached registers; the exit's snapshot says how
//! the interpreter's frames are rebuilt ([`executor`]). An exit that is taken often is recorded in its turn, and the new
//! trace is linked to the stub.

pub mod asks;
pub mod assemble;
pub mod clock;
pub mod count;
mod disassemble;
pub mod dump;
pub mod executor;
mod flush;
pub mod frames;
pub mod generators;
pub mod helpers;
pub mod layout;
pub mod lower;
pub mod makers;
mod map;
pub mod memory;
pub mod micro_ops;
pub mod options;
pub mod places;
pub mod probe;
mod quiet;
pub mod record;
mod state;
pub mod stats;
pub mod stencils;
mod stress;
mod thunks;
mod tools;

// What `#[handler]` refers to.
use pyrs_interp::{dispatch, frame};

pub use state::{is_active, is_enabled, shutdown, start};

/// Data of the whole process, touched under the GIL only.
pub(crate) struct Global<T>(std::cell::UnsafeCell<T>);

// SAFETY: every access is made by the thread that holds the GIL.
unsafe impl<T> Sync for Global<T> {}

impl<T> Global<T> {
    pub(crate) const fn new(v: T) -> Global<T> {
        Global(std::cell::UnsafeCell::new(v))
    }

    /// # Safety
    /// No other reference is in use: callers don't hold one across a call that comes here again.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn get(&self) -> &mut T {
        // SAFETY: by contract.
        unsafe { &mut *self.0.get() }
    }
}
