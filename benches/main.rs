//! What the parts cost: `cargo bench`, or `cargo bench -- NAME` for some of them.
//!
//! `--save-baseline NAME` and `--baseline NAME` compare two states of the program; the report with the plots is
//! `target/criterion/report/index.html`. Whole programs, beside other interpreters, are measured in `pyperformance`.

// The same as in the executable: the figures are about it.
#[cfg(feature = "mimalloc")]
#[path = "../src/allocator.rs"]
mod allocator;
mod embed;
mod front_end;
mod jit;
mod memory;
mod operations;
mod startup;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

/// Short measurements, because there are many: all of them have to fit into a quarter of an hour.
fn settings() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .nresamples(5000)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
}

criterion_group! {
    name = parts;
    config = settings();
    targets = front_end::benches, memory::benches, operations::benches, startup::benches, jit::benches
}
criterion_main!(parts);
