//! The heap without the interpreter: making and destroying objects, finding cycles.

use criterion::{BatchSize, Criterion, Throughput};
use pyrs_runtime::heap::cycles;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;

use crate::embed;

/// Enough objects that the free list of one pool does not do.
const MANY: usize = 1000;

pub fn benches(c: &mut Criterion) {
    embed::start();
    allocation(c);
    collection(c);
}

type Make = fn() -> Obj;

fn allocation(c: &mut Criterion) {
    let kinds: [(&str, Make); 5] = [
        ("str of 5", || Str::new("abcde").into()),
        ("str of 500", || Str::new(&"a".repeat(500)).into()),
        ("tuple of 2", || Tuple::from_slice(&[int::new(1), int::new(2)]).into()),
        ("empty list", || List::new().into()),
        ("empty dict", || Dict::new().into()),
    ];
    let mut group = c.benchmark_group("allocation");
    for (name, make) in kinds {
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{name}, made and dropped"), |b| b.iter(make));
        group.throughput(Throughput::Elements(MANY as u64));
        group.bench_function(format!("{name}, {MANY} at once"), |b| {
            b.iter(|| (0..MANY).map(|_| make()).collect::<Vec<Obj>>());
        });
    }
    group.finish();
}

/// A list that contains itself.
fn cycle() {
    let list = List::new();
    let itself: Obj = list.clone().into();
    list.with(|items| items.push(itself));
}

fn collection(c: &mut Criterion) {
    let mut group = c.benchmark_group("collection");
    group.throughput(Throughput::Elements(MANY as u64));
    group.bench_function(format!("young, {MANY} lists that contain themselves"), |b| {
        b.iter_batched(|| (0..MANY).for_each(|_| cycle()), |()| cycles::collect(0), BatchSize::PerIteration);
    });
    let live: Vec<Obj> = (0..100 * MANY).map(|_| List::from_vec(vec![List::new().into()]).into()).collect();
    cycles::collect(2);
    group.throughput(Throughput::Elements(2 * live.len() as u64));
    group.bench_function(format!("full, {} live lists", 2 * live.len()), |b| b.iter(|| cycles::collect(2)));
    group.finish();
}
