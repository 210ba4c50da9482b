//! `_heapq`: a priority queue in a list.

/// Heap queue algorithm (a.k.a. priority queue).
///
/// Heaps are arrays for which a[k] <= a[2*k+1] and a[k] <= a[2*k+2] for
/// all k, counting elements from 0.  For the sake of comparison,
/// non-existing elements are considered to be infinite.  The interesting
/// property of a heap is that a[0] is always its smallest element.
#[pyrs_macros::pymodule(name = "_heapq")]
pub mod module {
    use pyrs_runtime::object::{Obj, Object};
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::protocols::{compare, truth};
    use pyrs_runtime::types::slots::CompareOp;
    use pyrs_runtime::{PyResult, raise};

    /// Whether `a` comes out before `b`: the smaller one, or the larger one in a max-heap.
    fn before(a: &Obj, b: &Obj, max: bool) -> PyResult<bool> {
        let (x, y) = if max { (b, a) } else { (a, b) };
        truth::is_true(&compare::rich_compare(x, y, CompareOp::Lt)?)
    }

    fn item(heap: &List, i: usize) -> PyResult<Obj> {
        heap.get(i).ok_or_else(|| raise!(RuntimeError, "list changed size during iteration"))
    }

    fn swap(heap: &List, i: usize, j: usize) {
        heap.with(|items| items.swap(i, j));
    }

    /// As [`before`] for two places of the heap, whose size must not change meanwhile.
    fn before_at(heap: &List, i: usize, j: usize, max: bool) -> PyResult<bool> {
        let size = heap.len();
        let result = before(&item(heap, i)?, &item(heap, j)?, max)?;
        if heap.len() != size {
            return Err(raise!(RuntimeError, "list changed size during iteration"));
        }
        Ok(result)
    }

    /// Moves the item at `at` towards the root until its parent comes before it.
    fn sift_down(heap: &List, start: usize, mut at: usize, max: bool) -> PyResult<()> {
        while at > start {
            let parent = (at - 1) >> 1;
            if !before_at(heap, at, parent, max)? {
                break;
            }
            swap(heap, at, parent);
            at = parent;
        }
        Ok(())
    }

    /// Moves the item at `at` to a leaf, then up to its place: it most likely belongs near the leaves.
    fn sift_up(heap: &List, mut at: usize, max: bool) -> PyResult<()> {
        let (start, end) = (at, heap.len());
        while 2 * at + 1 < end {
            let mut child = 2 * at + 1;
            if child + 1 < end && !before_at(heap, child, child + 1, max)? {
                child += 1;
            }
            swap(heap, at, child);
            at = child;
        }
        sift_down(heap, start, at, max)
    }

    fn push(heap: &List, value: Obj, max: bool) -> PyResult<()> {
        heap.push(value);
        sift_down(heap, 0, heap.len() - 1, max)
    }

    fn pop(heap: &List, max: bool) -> PyResult<Obj> {
        let Some(last) = heap.pop() else { return Err(raise!(IndexError, "index out of range")) };
        replace_root(heap, last, max)
    }

    /// Takes the root out and puts `value` into the heap; an empty heap gives `value` back.
    fn replace_root(heap: &List, value: Obj, max: bool) -> PyResult<Obj> {
        let Some(root) = heap.get(0) else { return Ok(value) };
        drop(heap.set(0, value));
        sift_up(heap, 0, max)?;
        Ok(root)
    }

    fn replace(heap: &List, value: Obj, max: bool) -> PyResult<Obj> {
        if heap.is_empty() {
            return Err(raise!(IndexError, "index out of range"));
        }
        replace_root(heap, value, max)
    }

    fn push_pop(heap: &List, value: Obj, max: bool) -> PyResult<Obj> {
        match heap.get(0) {
            Some(root) if before(&root, &value, max)? => {
                if heap.is_empty() {
                    return Err(raise!(IndexError, "index out of range"));
                }
                replace_root(heap, value, max)
            }
            _ => Ok(value),
        }
    }

    fn make_heap(heap: &List, max: bool) -> PyResult<()> {
        (0..heap.len() / 2).rev().try_for_each(|i| sift_up(heap, i, max))
    }

    /// Push item onto heap, maintaining the heap invariant.
    #[pyfunction]
    pub fn heappush(heap: &Object<List>, item: Obj) -> PyResult<()> {
        push(heap, item, false)
    }

    /// Pop the smallest item off the heap, maintaining the heap invariant.
    #[pyfunction]
    pub fn heappop(heap: &Object<List>) -> PyResult<Obj> {
        pop(heap, false)
    }

    /// Push item on the heap, then pop and return the smallest item from the heap.
    ///
    /// The combined action runs more efficiently than heappush() followed by
    /// a separate call to heappop().
    #[pyfunction]
    pub fn heappushpop(heap: &Object<List>, item: Obj) -> PyResult<Obj> {
        push_pop(heap, item, false)
    }

    /// Pop and return the current smallest value, and add the new item.
    ///
    /// This is more efficient than heappop() followed by heappush(), and can be
    /// more appropriate when using a fixed-size heap.  Note that the value
    /// returned may be larger than item!  That constrains reasonable uses of
    /// this routine unless written as part of a conditional replacement:
    ///
    ///     if item > heap[0]:
    ///         item = heapreplace(heap, item)
    #[pyfunction]
    pub fn heapreplace(heap: &Object<List>, item: Obj) -> PyResult<Obj> {
        replace(heap, item, false)
    }

    /// Transform list into a heap, in-place, in O(len(heap)) time.
    #[pyfunction]
    pub fn heapify(heap: &Object<List>) -> PyResult<()> {
        make_heap(heap, false)
    }

    /// Push item onto max heap, maintaining the heap invariant.
    #[pyfunction]
    pub fn heappush_max(heap: &Object<List>, item: Obj) -> PyResult<()> {
        push(heap, item, true)
    }

    /// Maxheap variant of heappop.
    #[pyfunction]
    pub fn heappop_max(heap: &Object<List>) -> PyResult<Obj> {
        pop(heap, true)
    }

    /// Maxheap variant of heappushpop.
    ///
    /// The combined action runs more efficiently than heappush_max() followed by
    /// a separate call to heappop_max().
    #[pyfunction]
    pub fn heappushpop_max(heap: &Object<List>, item: Obj) -> PyResult<Obj> {
        push_pop(heap, item, true)
    }

    /// Maxheap variant of heapreplace.
    #[pyfunction]
    pub fn heapreplace_max(heap: &Object<List>, item: Obj) -> PyResult<Obj> {
        replace(heap, item, true)
    }

    /// Maxheap variant of heapify.
    #[pyfunction]
    pub fn heapify_max(heap: &Object<List>) -> PyResult<()> {
        make_heap(heap, true)
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        let about = "A heap is a list in which every item is smaller than the two that follow from it: the root, \
                     item 0, is the smallest of all.";
        module.add("__about__", pyrs_runtime::objects::str::Str::new(about).into_obj());
        Ok(())
    }
}
