//! Where a program's time goes: a stop watch that is switched from tier to tier.
//!
//! It runs for `--dump-traces` only. Time that a thread spends without the GIL belongs to the tier that was left last.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Global;

/// Who is at work.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Tier {
    Interpreter,
    /// Compiled code, with the native functions it calls.
    Compiled,
    /// An instruction that compiled code has left to the interpreter, with everything that it calls.
    Stepped,
}

/// Number of tiers.
const TIERS: usize = 3;

struct Watch {
    tier: Tier,
    since: u64,
    ticks: [u64; TIERS],
    began: (Instant, u64),
}

static RUNS: AtomicBool = AtomicBool::new(false);
static WATCH: Global<Option<Watch>> = Global::new(None);

/// Starts the watch in the interpreter.
pub fn start() {
    let now = ticks();
    // SAFETY: called at the start, by the only thread.
    unsafe {
        *WATCH.get() =
            Some(Watch { tier: Tier::Interpreter, since: now, ticks: [0; TIERS], began: (Instant::now(), now) });
    }
    RUNS.store(true, Ordering::Relaxed);
}

/// From now on, time is this tier's.
#[inline(always)]
pub fn switch(to: Tier) {
    if RUNS.load(Ordering::Relaxed) {
        turn(to);
    }
}

#[cold]
fn turn(to: Tier) {
    let now = ticks();
    // SAFETY: the caller holds the GIL, and nothing is called from here.
    if let Some(watch) = unsafe { WATCH.get() } {
        watch.ticks[watch.tier as usize] += now.wrapping_sub(watch.since);
        (watch.tier, watch.since) = (to, now);
    }
}

/// The time since the start, and what each tier has had of it; None if the watch does not run.
pub fn read() -> Option<(Duration, impl Fn(Tier) -> Duration)> {
    if !RUNS.load(Ordering::Relaxed) {
        return None;
    }
    // SAFETY: as in `turn`.
    let watch = unsafe { WATCH.get() }.as_ref()?;
    turn(watch.tier);
    let (instant, first) = watch.began;
    let (total, whole) = (instant.elapsed(), ticks().wrapping_sub(first).max(1));
    let parts = watch.ticks.map(|t| total.mul_f64((t as f64 / whole as f64).min(1.0)));
    Some((total, move |tier| parts[tier as usize]))
}

/// The time that this thread has had a processor: what a step costs, whatever else the machine does meanwhile.
pub fn thread_time() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock writes to `now`.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// The processor's own clock, which costs less than the system's.
#[inline(always)]
fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has the instruction.
    unsafe {
        std::arch::x86_64::_rdtsc()
    }
    #[cfg(target_arch = "aarch64")]
    {
        let now: u64;
        // SAFETY: programs may read the virtual counter.
        unsafe { std::arch::asm!("mrs {}, cntvct_el0", out(reg) now, options(nomem, nostack)) };
        now
    }
}
