//! `itertools`: iterator building blocks.

mod combinatoric;
mod endless;
mod grouping;
mod selecting;
mod sharing;

pub use combinatoric::{Combinations, CombinationsWithReplacement, Permutations, Product};
pub use endless::{Count, Cycle, Repeat};
pub use grouping::{Batched, GroupBy, Grouper, Pairwise, ZipLongest};
pub use selecting::{Accumulate, Chain, Compress, DropWhile, FilterFalse, Islice, StarMap, TakeWhile};
pub use sharing::{Tee, TeeData};

/// Functional tools for creating and using iterators.
///
/// Infinite iterators:
/// count(start=0, step=1) --> start, start+step, start+2*step, ...
/// cycle(p) --> p0, p1, ... plast, p0, p1, ...
/// repeat(elem [,n]) --> elem, elem, elem, ... endlessly or up to n times
///
/// Iterators terminating on the shortest input sequence:
/// accumulate(p[, func]) --> p0, p0+p1, p0+p1+p2
/// batched(p, n) --> [p0, p1, ..., p_n-1], [p_n, p_n+1, ..., p_2n-1], ...
/// chain(p, q, ...) --> p0, p1, ... plast, q0, q1, ...
/// chain.from_iterable([p, q, ...]) --> p0, p1, ... plast, q0, q1, ...
/// compress(data, selectors) --> (d[0] if s[0]), (d[1] if s[1]), ...
/// dropwhile(predicate, seq) --> seq[n], seq[n+1], starting when predicate fails
/// groupby(iterable[, keyfunc]) --> sub-iterators grouped by value of keyfunc(v)
/// filterfalse(predicate, seq) --> elements of seq where pred(elem) is False
/// islice(seq, [start,] stop [, step]) --> elements from
///        seq[start:stop:step]
/// pairwise(s) --> (s[0],s[1]), (s[1],s[2]), (s[2], s[3]), ...
/// starmap(fun, seq) --> fun(*seq[0]), fun(*seq[1]), ...
/// tee(it, n) --> (it1, it2 , ... itn) splits one iterator into n
/// takewhile(predicate, seq) --> seq[0], seq[1], until predicate fails
/// zip_longest(p, q, ...) --> (p[0], q[0]), (p[1], q[1]), ...
///
/// Combinatoric generators:
/// product(p, q, ... [repeat=1]) --> cartesian product
/// permutations(p[, r])
/// combinations(p, r)
/// combinations_with_replacement(p, r)
#[pyrs_macros::pymodule(
    name = "itertools",
    classes(
        super::Accumulate,
        super::Batched,
        super::Chain,
        super::Combinations,
        super::Compress,
        super::Count,
        super::CombinationsWithReplacement,
        super::Cycle,
        super::DropWhile,
        super::FilterFalse,
        super::GroupBy,
        super::Grouper,
        super::Islice,
        super::Pairwise,
        super::Permutations,
        super::Product,
        super::Repeat,
        super::StarMap,
        super::TakeWhile,
        super::Tee,
        super::TeeData,
        super::ZipLongest
    )
)]
pub mod module {
    use pyrs_runtime::{Obj, PyResult, raise};

    /// Returns a tuple of n independent iterators.
    #[pyfunction(sig = "(iterable, n=2, /)")]
    pub fn tee(iterable: &Obj, n: isize) -> PyResult<Obj> {
        if n < 0 {
            return Err(raise!(ValueError, "n must be >= 0"));
        }
        super::sharing::tee(iterable, n as usize)
    }
}
