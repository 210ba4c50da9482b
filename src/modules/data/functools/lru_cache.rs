//! The cache behind `functools.lru_cache`.

use std::cell::Cell;

use crate::data::tuple;
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::heap::cycles::Visitor;
use pyrs_runtime::object::{DataCell, Obj, Object, Ptr, Trace};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::method::Method;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::{attr, compare, number};
use pyrs_runtime::thread::runtime;
use pyrs_runtime::types::{Type, shape};
use pyrs_runtime::{PyResult, name, raise};

/// Create a cached callable that wraps another function.
///
/// user_function:      the function being cached
///
/// maxsize:  0         for no caching
///           None      for unlimited cache size
///           n         for a bounded cache
///
/// typed:    False     cache f(3) and f(3.0) as identical calls
///           True      cache f(3) and f(3.0) as distinct calls
///
/// cache_info_type:    namedtuple class with the fields:
///                         hits misses currsize maxsize
#[pyclass(name = "_lru_cache_wrapper", module = "functools", flags = BASETYPE | METHOD_DESCRIPTOR, dict, weaklist)]
pub struct LruCacheWrapper {
    function: Obj,
    /// Keys to results; of a bounded cache, keys to places in `uses`.
    cache: Ptr<Dict>,
    uses: DataCell<Uses>,
    /// `None` = unlimited.
    maxsize: Option<usize>,
    typed: bool,
    info_type: Obj,
    hits: Cell<u64>,
    misses: Cell<u64>,
}

const NOWHERE: usize = usize::MAX;

/// One result of a bounded cache, linked to its neighbours by time of use.
struct Use {
    key: Obj,
    hash: i64,
    result: Obj,
    older: usize,
    newer: usize,
}

/// Results by time of use. Moving one to the end leaves the dictionary alone: a lookup that runs Python code,
/// which calls the function again, must not find the dictionary changed by hits.
struct Uses {
    entries: Vec<Option<Use>>,
    free: Vec<usize>,
    oldest: usize,
    newest: usize,
}

impl Default for Uses {
    fn default() -> Uses {
        Uses { entries: Vec::new(), free: Vec::new(), oldest: NOWHERE, newest: NOWHERE }
    }
}

impl Trace for Uses {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        for entry in self.entries.iter().flatten() {
            entry.key.trace(visitor);
            entry.result.trace(visitor);
        }
    }
}

impl Uses {
    fn entry(&mut self, at: usize) -> &mut Use {
        self.entries[at].as_mut().expect("linked entries are in use")
    }

    fn unlink(&mut self, at: usize) {
        let (older, newer) = (self.entry(at).older, self.entry(at).newer);
        if older == NOWHERE {
            self.oldest = newer
        } else {
            self.entry(older).newer = newer
        }
        if newer == NOWHERE { self.newest = older } else { self.entry(newer).older = older }
    }

    fn link_newest(&mut self, at: usize) {
        let older = std::mem::replace(&mut self.newest, at);
        let entry = self.entry(at);
        (entry.older, entry.newer) = (older, NOWHERE);
        if older == NOWHERE { self.oldest = at } else { self.entry(older).newer = at }
    }

    /// The result at a place, which becomes the newest; `None` if it has gone meanwhile.
    fn touch(&mut self, at: usize) -> Option<Obj> {
        self.entries.get(at)?.as_ref()?;
        self.unlink(at);
        self.link_newest(at);
        Some(self.entry(at).result.clone())
    }

    fn push(&mut self, key: Obj, hash: i64, result: Obj) -> usize {
        let entry = Some(Use { key, hash, result, older: NOWHERE, newer: NOWHERE });
        let at = self.free.pop().unwrap_or(self.entries.len());
        if at == self.entries.len() {
            self.entries.push(entry)
        } else {
            self.entries[at] = entry
        }
        self.link_newest(at);
        at
    }

    /// Takes the oldest out; its place is free.
    fn pop_oldest(&mut self) -> Option<Use> {
        let at = self.oldest;
        if at == NOWHERE {
            return None;
        }
        self.unlink(at);
        self.free.push(at);
        self.entries[at].take()
    }
}

/// The object that stands between positional and keyword arguments.
#[pyclass(name = "_kwd_mark", module = "functools", flags = DISALLOW_INSTANTIATION, parts())]
pub struct KeywordMark {}

/// Separates positional from keyword arguments in a key.
fn keyword_mark() -> Obj {
    const KEY: &str = "functools.kwd_mark";
    if let Some(known) = runtime().registered(KEY) {
        return known;
    }
    // Any object that equals nothing but itself.
    let mark = Ptr::new(KeywordMark {}).into_obj();
    runtime().register(KEY, mark.clone());
    mark
}

/// The key of a call: a single int or str stands for itself, everything else is a tuple.
fn key_of(args: Args<'_>, typed: bool) -> Obj {
    if !typed
        && !args.has_keywords()
        && let [only] = args.positionals()
        && (int::is_exact(only) || only.exact::<Str>().is_some())
    {
        return only.clone();
    }
    let mut parts = args.positionals().to_vec();
    if args.has_keywords() {
        parts.push(keyword_mark());
        for (key, value) in args.keywords() {
            parts.push(key.to_obj());
            parts.push(value.clone());
        }
    }
    if typed {
        parts.extend(args.values.iter().map(|v| v.class().to_obj()));
    }
    tuple(parts)
}

/// Sets `__dict__`.
pub(super) fn set_dict(this: &Obj, value: Option<&Obj>) -> PyResult<()> {
    let Some(value) = value else { return Err(raise!(TypeError, "cannot delete __dict__")) };
    let Some(dict) = value.downcast::<Dict>() else {
        let class = value.class().name();
        return Err(raise!(TypeError, "__dict__ must be set to a dictionary, not a '{class}'"));
    };
    shape::set_instance_dict(this, Some(dict)).map(drop)
}

impl LruCacheWrapper {
    fn count(cell: &Cell<u64>) {
        cell.set(cell.get() + 1);
    }

    /// A call whose result is not known: the cache may have changed when the function returns.
    fn miss(&self, key: Obj, hash: i64, args: Args<'_>) -> PyResult<Obj> {
        LruCacheWrapper::count(&self.misses);
        let result = call::call_args(&self.function, args)?;
        let Some(limit) = self.maxsize else {
            self.cache.set_hashed(key, hash, result.clone())?;
            return Ok(result);
        };
        if self.cache.get_hashed(&key, hash)?.is_some() {
            return Ok(result);
        }
        let mut evicted = None;
        let at = if self.cache.len() >= limit {
            // The oldest gives its place away.
            let Some(oldest) = self.uses.with(Uses::pop_oldest) else { return Ok(result) };
            self.cache.remove_hashed(&oldest.key, oldest.hash)?;
            let at = self.uses.with(|uses| uses.push(key.clone(), hash, result.clone()));
            evicted = Some(oldest);
            at
        } else {
            self.uses.with(|uses| uses.push(key.clone(), hash, result.clone()))
        };
        self.cache.set_hashed(key, hash, int::new(at as i64))?;
        // Destroying the old entry may call back: the cache is whole again by now.
        drop(evicted);
        Ok(result)
    }
}

#[pymethods]
impl LruCacheWrapper {
    #[new(sig = "(user_function, maxsize, typed, cache_info_type)", text_signature = "", name = "lru_cache")]
    fn construct(cls: &Type, user_function: Obj, maxsize: &Obj, typed: bool, cache_info_type: Obj) -> PyResult<Obj> {
        if user_function.class().slots().call.is_none() {
            return Err(raise!(TypeError, "the first argument must be callable"));
        }
        let maxsize = if maxsize.is_none() {
            None
        } else if number::has_index(maxsize) {
            Some(number::as_ssize(maxsize, true)?.max(0) as usize)
        } else {
            return Err(raise!(TypeError, "maxsize should be integer or None"));
        };
        let payload = LruCacheWrapper {
            function: user_function,
            cache: Dict::new(),
            uses: DataCell::default(),
            maxsize,
            typed,
            info_type: cache_info_type,
            hits: Cell::new(0),
            misses: Cell::new(0),
        };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(call)]
    fn call(&self, args: Args<'_>) -> PyResult<Obj> {
        if self.maxsize == Some(0) {
            LruCacheWrapper::count(&self.misses);
            return call::call_args(&self.function, args);
        }
        let key = key_of(args, self.typed);
        let hash = compare::hash(&key)?;
        let Some(found) = self.cache.get_hashed(&key, hash)? else { return self.miss(key, hash, args) };
        let result = if self.maxsize.is_none() {
            found
        } else {
            let at = int::to_i64(&found).expect("bounded caches hold places") as usize;
            match self.uses.with(|uses| uses.touch(at)) {
                Some(result) => result,
                None => return self.miss(key, hash, args),
            }
        };
        LruCacheWrapper::count(&self.hits);
        Ok(result)
    }

    #[slot(descr_get)]
    fn get(this: &Obj, instance: Option<&Obj>, _owner: Option<&Type>) -> PyResult<Obj> {
        match instance {
            Some(instance) if !instance.is_none() => Ok(Method::new(this.clone(), instance.clone()).into_obj()),
            _ => Ok(this.clone()),
        }
    }

    /// Report cache statistics
    #[pymethod]
    fn cache_info(&self) -> PyResult<Obj> {
        let limit = self.maxsize.map_or_else(none, |n| int::new(n as i64));
        let counts = [int::from_u64(self.hits.get()), int::from_u64(self.misses.get()), limit];
        let mut args = counts.to_vec();
        args.push(int::new(self.cache.len() as i64));
        call::call(&self.info_type, &args)
    }

    /// Clear the cache and cache statistics
    #[pymethod]
    fn cache_clear(&self) {
        self.hits.set(0);
        self.misses.set(0);
        // By its full name: `Trace` has a method of this name too.
        Dict::clear(&self.cache);
        drop(self.uses.replace(Uses::default()));
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Obj) -> PyResult<Obj> {
        attr::getattr(this, name!("__qualname__"))
    }

    #[pymethod(name = "__copy__", text_signature = "")]
    fn copy(this: &Obj) -> Obj {
        this.clone()
    }

    #[pymethod(name = "__deepcopy__", sig = "(memo, /)", text_signature = "")]
    fn deepcopy(this: &Obj, _memo: &Obj) -> Obj {
        this.clone()
    }

    #[getter(name = "__dict__")]
    fn dict(this: &Object<LruCacheWrapper>) -> PyResult<Option<Ptr<Dict>>> {
        shape::instance_dict(&this.as_obj())
    }

    #[setter(name = "__dict__")]
    fn replace_dict(this: &Obj, value: Option<&Obj>) -> PyResult<()> {
        set_dict(this, value)
    }
}
