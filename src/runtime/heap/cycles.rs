//! The cycle collector.
//!
//! Objects that can be part of a cycle live in pools of their own (and in a table of large blocks);
//! a collection looks at the young pools or at all of them. It copies each candidate's reference
//! count into a side array, subtracts the references that candidates hold on each other, and marks
//! everything reachable from what still has references left. The rest is garbage: weak references
//! are cleared, finalisers run (PEP 442), what they brought back is left alone, and the remaining
//! objects are made to drop the references they hold, which destroys them by reference counting.

use std::collections::HashMap;

use super::alloc::{Heap, POOL_SIZE, heap, pool_of};
use super::{decref, incref, weakref};
use crate::object::{Header, IMMORTAL_LIMIT, Obj};
use crate::thread::runtime;
use crate::value::Value;

/// Receives the references that an object holds.
pub struct Visitor<'a> {
    callback: &'a mut dyn FnMut(Value),
    /// Integers and floats are reported too, which are no objects of the heap.
    immediates: bool,
}

impl<'a> Visitor<'a> {
    pub fn new(callback: &'a mut dyn FnMut(Value)) -> Visitor<'a> {
        Visitor { callback, immediates: false }
    }

    /// Reports one owned reference; `NULL` and immediates are ignored.
    #[inline]
    pub fn visit(&mut self, v: Value) {
        if v.is_pointer_or_null() && !v.is_null() || self.immediates && !v.is_null() {
            (self.callback)(v);
        }
    }
}

/// The number of generations that the `gc` module shows.
pub const GENERATIONS: usize = 3;

/// The generation of objects that `gc.freeze` has set aside.
const PERMANENT: u8 = 250;

/// Sets all objects aside: collections leave them alone.
pub fn freeze() {
    change_ages(0, PERMANENT);
}

/// Objects set aside become old ones.
pub fn unfreeze() {
    change_ages(PERMANENT, 2);
}

fn change_ages(from: u8, to: u8) {
    let heap = heap();
    for &pool in &heap.gc_pools {
        // SAFETY: pools in the table are valid.
        unsafe {
            if (*pool).generation >= from {
                (*pool).generation = to;
            }
        }
    }
    heap.large.iter_mut().filter(|entry| entry.1 >= from).for_each(|entry| entry.1 = to);
}

/// How many objects are set aside.
pub fn frozen() -> usize {
    let mut n = 0;
    for_each_aged(PERMANENT..=PERMANENT, &mut |_| n += 1);
    n
}

/// What one collection did.
#[derive(Default, Clone, Copy)]
pub struct Outcome {
    pub collected: usize,
    pub uncollectable: usize,
}

const REACHABLE: i64 = -1;
const ABSENT: i64 = i64::MIN;

/// Reference counts of all candidates, by place.
struct Side {
    pools: Vec<Vec<i64>>,
    large: Vec<i64>,
}

enum Place {
    Pool(usize, usize),
    Large(usize),
}

impl Side {
    fn get(&mut self, place: &Place) -> Option<&mut i64> {
        let slot = match *place {
            Place::Pool(pool, block) => self.pools[pool].get_mut(block)?,
            Place::Large(index) => self.large.get_mut(index)?,
        };
        (*slot != ABSENT).then_some(slot)
    }
}

/// Where a heap object of the collected kind stands; `None` for all others.
///
/// # Safety
/// `header` points to a live object.
unsafe fn place_of(heap: &Heap, header: *const Header) -> Option<Place> {
    // SAFETY: by contract; the class is alive as long as its instance.
    unsafe {
        if heap.contains(header as *const u8) {
            // The pool knows as well as the class, and the object need not be read.
            let pool = pool_of(header as *const u8);
            if !(*pool).is_collected() {
                return None;
            }
            return Some(Place::Pool((*pool).index as usize, (*pool).block_index(header as usize)));
        }
        if (*header).refcnt.get() >= IMMORTAL_LIMIT || !(*(*header).class.get()).is_gc() {
            return None;
        }
        Some(Place::Large(heap.large_index(header as *const u8)))
    }
}

/// Calls `f` with every live object of the collected kind whose generation is at most `oldest`.
fn for_each_object(oldest: u8, f: &mut dyn FnMut(*mut Header)) {
    for_each_aged(0..=oldest, f);
}

fn for_each_aged(ages: std::ops::RangeInclusive<u8>, f: &mut dyn FnMut(*mut Header)) {
    let heap = heap();
    for i in 0..heap.gc_pools.len() {
        let pool = heap.gc_pools[i];
        // SAFETY: pools in the table are valid; a block whose first word is not 0 is a live object.
        unsafe {
            if !ages.contains(&(*pool).generation) {
                continue;
            }
            let (first, size, count) = (*pool).blocks();
            for block in 0..count {
                let header = (first + block * size) as *mut Header;
                if (*header).refcnt.get() != 0 {
                    f(header);
                }
            }
        }
    }
    for i in 0..heap.large.len() {
        let (block, generation) = heap.large[i];
        let header = block as *mut Header;
        // SAFETY: the table holds allocated blocks; a zero count marks one that is being destroyed, and immortal ones
        // have no place among the candidates.
        unsafe {
            let count = (*header).refcnt.get();
            if ages.contains(&generation) && count != 0 && count < IMMORTAL_LIMIT {
                f(header);
            }
        }
    }
}

/// Every object that the collector knows (`gc.get_objects`).
pub fn all_objects(generation: Option<u8>) -> Vec<Obj> {
    let mut found = Vec::new();
    for_each_aged(generation.map_or(0..=PERMANENT, |g| g..=g), &mut |header| {
        found.push(Value::from_pointer(header));
    });
    // SAFETY: live objects.
    found.into_iter().map(|v| unsafe { Obj::from_borrowed(v) }).collect()
}

/// The objects that `obj` refers to directly (`gc.get_referents`).
pub fn referents(obj: &Obj) -> Vec<Obj> {
    let mut found = Vec::new();
    if obj.value().is_pointer_or_null() {
        // SAFETY: a live object; referents are alive while it is.
        unsafe {
            let header = obj.value().as_pointer();
            let mut callback = |v: Value| found.push(Obj::from_borrowed(v));
            (*(*header).class.get()).traverse(header, &mut Visitor { callback: &mut callback, immediates: true });
        }
    }
    found
}

/// # Safety
/// `header` is a live object.
unsafe fn traverse(header: *mut Header, callback: &mut dyn FnMut(Value)) {
    // SAFETY: by contract.
    unsafe {
        let class = &*(*header).class.get();
        let mut visitor = Visitor::new(callback);
        class.traverse(header, &mut visitor);
    }
}

/// Finds and destroys unreachable cycles among objects of at most the given generation
/// (0 = young, 2 = all). Keeps the pending exception.
pub fn collect(generation: u8) -> Outcome {
    heap().collection_begins();
    let rt = runtime();
    if rt.collecting.replace(true) {
        return Outcome::default();
    }
    let pending = crate::thread::current().take_exception();
    let oldest = generation.min(2);
    let garbage = find_garbage(oldest);
    let outcome = destroy_garbage(garbage);
    age(oldest);
    let mut stats = rt.gc_stats.get();
    let row = &mut stats[oldest as usize];
    row[0] += 1;
    row[1] += outcome.collected as u64;
    row[2] += outcome.uncollectable as u64;
    rt.gc_stats.set(stats);
    crate::thread::current().restore_exception(pending);
    rt.collecting.set(false);
    outcome
}

/// The young survivors become old.
fn age(oldest: u8) {
    let heap = heap();
    for &pool in &heap.gc_pools {
        // SAFETY: pools in the table are valid.
        unsafe {
            if (*pool).generation <= oldest {
                (*pool).generation = ((*pool).generation + 1).min(2);
            }
        }
    }
    for entry in &mut heap.large {
        if entry.1 <= oldest {
            entry.1 = (entry.1 + 1).min(2);
        }
    }
}

fn find_garbage(oldest: u8) -> Vec<*mut Header> {
    let mut side = copy_counts(oldest);
    let mut candidates = Vec::new();
    for_each_object(oldest, &mut |header| candidates.push(header));
    // SAFETY: nothing is created or destroyed until the marking is done.
    unsafe {
        for &header in &candidates {
            traverse(header, &mut |v| {
                if let Some(place) = place_of(heap(), v.as_pointer())
                    && let Some(count) = side.get(&place)
                {
                    *count -= 1;
                    debug_assert!(
                        *count >= 0,
                        "'{}' shows a reference to '{}' that it does not own",
                        (*(*header).class.get()).name(),
                        (*(*v.as_pointer()).class.get()).name()
                    );
                }
            });
        }
        let mut reached = Vec::new();
        for &header in &candidates {
            let place = place_of(heap(), header).expect("a candidate has a place");
            match side.get(&place) {
                Some(count) if *count > 0 => {
                    *count = REACHABLE;
                    reached.push(header);
                }
                _ => continue,
            }
            while let Some(next) = reached.pop() {
                traverse(next, &mut |v| {
                    if let Some(place) = place_of(heap(), v.as_pointer())
                        && let Some(count) = side.get(&place)
                        && *count != REACHABLE
                    {
                        *count = REACHABLE;
                        reached.push(v.as_pointer());
                    }
                });
            }
        }
        candidates.retain(|&header| {
            let place = place_of(heap(), header).expect("a candidate has a place");
            side.get(&place).is_some_and(|count| *count != REACHABLE)
        });
    }
    candidates
}

fn copy_counts(oldest: u8) -> Side {
    let heap = heap();
    let mut side = Side { pools: Vec::with_capacity(heap.gc_pools.len()), large: Vec::with_capacity(heap.large.len()) };
    for &pool in &heap.gc_pools {
        // SAFETY: pools in the table are valid; blocks below `bump` have been written.
        unsafe {
            let mut counts = Vec::new();
            if (*pool).generation <= oldest {
                let (first, size, count) = (*pool).blocks();
                debug_assert!(count * size <= POOL_SIZE);
                counts.reserve_exact(count);
                for block in 0..count {
                    let refcnt = (*((first + block * size) as *const Header)).refcnt.get();
                    counts.push(if refcnt == 0 { ABSENT } else { refcnt });
                }
            }
            side.pools.push(counts);
        }
    }
    for &(block, generation) in &heap.large {
        // SAFETY: the table holds allocated blocks with a header.
        let refcnt = unsafe { (*(block as *const Header)).refcnt.get() };
        side.large.push(if generation > oldest || refcnt == 0 { ABSENT } else { refcnt });
    }
    side
}

fn destroy_garbage(garbage: Vec<*mut Header>) -> Outcome {
    // SAFETY: the unreachable objects are alive; the references taken here keep them so until the end.
    unsafe {
        for &header in &garbage {
            incref(Value::from_pointer(header));
        }
        weakref::clear_unreachable(&garbage);
        let finalized = run_finalizers(&garbage);
        let doomed = if finalized { still_unreachable(&garbage) } else { garbage.clone() };
        let outcome = Outcome { collected: doomed.len(), uncollectable: 0 };
        if runtime().gc_save_all.get() {
            for &header in &doomed {
                runtime().gc_garbage.with(|g| g.push(Obj::from_borrowed(Value::from_pointer(header))));
            }
        } else {
            for &header in &doomed {
                (*(*header).class.get()).clear(header);
            }
        }
        for header in garbage {
            decref(Value::from_pointer(header));
        }
        outcome
    }
}

/// # Safety
/// The caller holds a reference to each object.
unsafe fn run_finalizers(garbage: &[*mut Header]) -> bool {
    let mut ran = false;
    // SAFETY: kept alive by the caller.
    let with_finalizer = |h: &&*mut Header| unsafe { (*(***h).class.get()).has_finalizer() };
    let mut order: Vec<*mut Header> = garbage.iter().filter(with_finalizer).copied().collect();
    order.sort_by_key(|h| runtime().birth_of(*h));
    for header in order {
        // SAFETY: kept alive by the caller.
        unsafe {
            let class = &*(*header).class.get();
            if !runtime().was_finalized(header) {
                ran = true;
                runtime().mark_finalized(header);
                class.call_finalizer(Value::from_pointer(header).as_obj());
            }
        }
    }
    ran
}

/// What is still garbage after finalisers ran: the part of `garbage` that nothing outside it (and
/// outside the collector's own references) refers to.
///
/// # Safety
/// The caller holds exactly one reference to each object.
unsafe fn still_unreachable(garbage: &[*mut Header]) -> Vec<*mut Header> {
    let mut counts: HashMap<*mut Header, i64> =
        // SAFETY: kept alive by the caller.
        garbage.iter().map(|&h| (h, unsafe { (*h).refcnt.get() } - 1)).collect();
    for &header in garbage {
        // SAFETY: as above.
        unsafe {
            traverse(header, &mut |v| {
                if let Some(count) = counts.get_mut(&v.as_pointer()) {
                    *count -= 1;
                }
            });
        }
    }
    let mut reached: Vec<*mut Header> = garbage.iter().copied().filter(|h| counts[h] > 0).collect();
    for header in &reached {
        counts.insert(*header, REACHABLE);
    }
    while let Some(next) = reached.pop() {
        // SAFETY: as above.
        unsafe {
            traverse(next, &mut |v| {
                if let Some(count) = counts.get_mut(&v.as_pointer())
                    && *count != REACHABLE
                {
                    *count = REACHABLE;
                    reached.push(v.as_pointer());
                }
            });
        }
    }
    garbage.iter().copied().filter(|h| counts[h] != REACHABLE).collect()
}
