//! Argument binding for native functions, and the conversions between Python and Rust values.
//!
//! `#[pyfunction(signature = "(a, /, b=None, *, c)")]` makes a [`ParamSpec`] at compile time; [`bind`]
//! distributes the arguments of a call over its parameters with CPython's error messages, and
//! [`FromArg`] converts each one to the type of the Rust parameter.

use num_bigint::BigInt;

use crate::call::Args;
use crate::errors::PyResult;
use crate::object::{Obj, Object, Ptr, PyClass};
use crate::objects::dict::Dict;
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::objects::{float, int, singletons};
use crate::protocols::{number, truth};
use crate::raise;
use crate::types::Type;
use crate::value::Value;

/// Whose function a native function is, for messages that show its full name.
pub enum Owner {
    None,
    Module(&'static str),
    Class(fn() -> &'static Type),
}

/// The parameters of a native function.
pub struct ParamSpec {
    pub owner: Owner,
    pub function: &'static str,
    pub names: &'static [&'static str],
    /// The first `posonly` parameters are positional-only.
    pub posonly: usize,
    /// The first `positional` parameters may be given by position.
    pub positional: usize,
    /// Bit i: parameter i must be given.
    pub required: u64,
    pub varargs: bool,
    pub varkw: bool,
}

impl ParamSpec {
    /// The name with that of the class or module in front; functions of `builtins` have theirs alone.
    fn full_name(&self) -> String {
        match self.owner {
            Owner::None | Owner::Module("builtins") => self.function.to_owned(),
            Owner::Module(module) => format!("{module}.{}", self.function),
            Owner::Class(class) => format!("{}.{}", class().short_name(), self.function),
        }
    }
}

/// The arguments of one call, distributed: one entry a parameter, `None` where it was left out.
pub struct Bound<'a, const N: usize> {
    pub values: [Option<&'a Obj>; N],
    /// What `*args` gets.
    pub rest: &'a [Obj],
    /// What `**kwargs` gets.
    pub keywords: KwArgs<'a>,
}

/// Keyword arguments that no parameter took.
#[derive(Default)]
pub struct KwArgs<'a> {
    pub items: Vec<(&'a Object<Str>, &'a Obj)>,
}

impl KwArgs<'_> {
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn to_dict(&self) -> PyResult<Ptr<Dict>> {
        let dict = Dict::new();
        for (name, value) in &self.items {
            dict.set(name.to_obj(), (*value).clone())?;
        }
        Ok(dict)
    }
}

/// Distributes `args` over the parameters of `spec`.
#[inline(always)]
pub fn bind<'a, const N: usize>(spec: &ParamSpec, args: Args<'a>) -> PyResult<Bound<'a, N>> {
    // Positions alone, and enough of them: nearly always.
    let given = (1u64 << args.nargs.min(63)) - 1;
    if args.kwnames.is_none() && args.nargs <= spec.positional && spec.required & !given == 0 {
        let values = std::array::from_fn(|i| args.values.get(i));
        return Ok(Bound { values, rest: &[], keywords: KwArgs::default() });
    }
    bind_any(spec, args)
}

#[inline(never)]
fn bind_any<'a, const N: usize>(spec: &ParamSpec, args: Args<'a>) -> PyResult<Bound<'a, N>> {
    let mut values = [None; N];
    let given = args.nargs.min(spec.positional);
    for (slot, value) in values.iter_mut().zip(&args.values[..given]) {
        *slot = Some(value);
    }
    let rest = &args.values[given..args.nargs];
    let mut bound = Bound { values, rest, keywords: KwArgs::default() };
    if args.kwnames.is_some() {
        bind_keywords(spec, args, &mut bound)?;
    }
    if !rest.is_empty() && !spec.varargs {
        return Err(too_many(spec, args));
    }
    let mut mask = 0u64;
    for (i, v) in bound.values.iter().enumerate() {
        mask |= (v.is_some() as u64) << i;
    }
    if spec.required & !mask != 0 {
        return Err(missing(spec, args, spec.required & !mask));
    }
    Ok(bound)
}

fn bind_keywords<'a, const N: usize>(spec: &ParamSpec, args: Args<'a>, bound: &mut Bound<'a, N>) -> PyResult<()> {
    for (name, value) in args.keywords() {
        let found = spec.names.iter().skip(spec.posonly).position(|n| name.eq_str(n)).map(|i| i + spec.posonly);
        match found {
            Some(i) if bound.values[i].is_some() => {
                return Err(raise!(
                    TypeError,
                    "argument for {}() given by name ('{}') and position ({})",
                    spec.function,
                    name.to_string_lossy(),
                    i + 1
                ));
            }
            Some(i) => bound.values[i] = Some(value),
            None if spec.varkw => bound.keywords.items.push((name, value)),
            None if spec.posonly == spec.names.len() => {
                return Err(raise!(TypeError, "{}() takes no keyword arguments", spec.full_name()));
            }
            None if spec.names[..spec.posonly].iter().any(|n| name.eq_str(n)) => {
                return Err(raise!(
                    TypeError,
                    "{}() got some positional-only arguments passed as keyword arguments: '{}'",
                    spec.function,
                    name.to_string_lossy()
                ));
            }
            None => {
                return Err(raise!(
                    TypeError,
                    "{}() got an unexpected keyword argument '{}'",
                    spec.function,
                    name.to_string_lossy()
                ));
            }
        }
    }
    Ok(())
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

#[cold]
fn too_many(spec: &ParamSpec, args: Args<'_>) -> crate::errors::Raised {
    let name = spec.function;
    let least = (spec.required & ((1u64 << spec.positional) - 1)).count_ones() as usize;
    let (most, given) = (spec.positional, args.nargs);
    let only_positional = spec.posonly == spec.names.len();
    if most == 0 {
        return if only_positional && spec.names.is_empty() {
            raise!(TypeError, "{}() takes no arguments ({given} given)", spec.full_name())
        } else {
            raise!(TypeError, "{name}() takes no positional arguments")
        };
    }
    if only_positional {
        if least == most {
            return if most == 1 {
                raise!(TypeError, "{}() takes exactly one argument ({given} given)", spec.full_name())
            } else {
                raise!(TypeError, "{name} expected {most} argument{}, got {given}", plural(most))
            };
        }
        return raise!(TypeError, "{name} expected at most {most} argument{}, got {given}", plural(most));
    }
    let total = given + args.keyword_count();
    let how = if least == most { "exactly" } else { "at most" };
    if spec.positional < spec.names.len() {
        raise!(TypeError, "{name}() takes {how} {most} positional argument{} ({given} given)", plural(most))
    } else {
        raise!(TypeError, "{name}() takes {how} {most} argument{} ({total} given)", plural(most))
    }
}

#[cold]
fn missing(spec: &ParamSpec, args: Args<'_>, missing: u64) -> crate::errors::Raised {
    let name = spec.function;
    let first = missing.trailing_zeros() as usize;
    if first < spec.posonly {
        let least = (spec.required & ((1u64 << spec.posonly) - 1)).count_ones() as usize;
        let given = args.nargs;
        if spec.posonly == spec.names.len() {
            if least == spec.posonly && !spec.varargs {
                return if least == 1 {
                    raise!(TypeError, "{}() takes exactly one argument ({given} given)", spec.full_name())
                } else {
                    raise!(TypeError, "{name} expected {least} argument{}, got {given}", plural(least))
                };
            }
            return raise!(TypeError, "{name} expected at least {least} argument{}, got {given}", plural(least));
        }
        let how = if least == spec.positional { "exactly" } else { "at least" };
        return raise!(TypeError, "{name}() takes {how} {least} positional argument{} ({given} given)", plural(least));
    }
    let position = if first < spec.positional { format!(" (pos {})", first + 1) } else { String::new() };
    raise!(TypeError, "{name}() missing required argument '{}'{position}", spec.names[first])
}

/// Conversion of an argument to the type of a Rust parameter.
pub trait FromArg<'a>: Sized {
    fn from_arg(arg: &'a Obj) -> PyResult<Self>;
    /// As [`Self::from_arg`] for the parameter of a named function, which messages show: `label` is
    /// ` 2` or ` 'name'`, or empty for the only parameter.
    #[inline(always)]
    fn from_named(arg: &'a Obj, _function: &str, _label: &str) -> PyResult<Self> {
        Self::from_arg(arg)
    }
    /// The value of a parameter without default that was left out; only reached for optional types.
    fn missing() -> Option<Self> {
        None
    }
}

impl<'a> FromArg<'a> for &'a Obj {
    #[inline(always)]
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        Ok(arg)
    }
}

impl<'a> FromArg<'a> for Obj {
    #[inline(always)]
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        Ok(arg.clone())
    }
}

impl<'a, T: PyClass> FromArg<'a> for &'a Object<T> {
    #[inline]
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        arg.downcast::<T>().ok_or_else(|| expected(T::class(), arg))
    }
    #[inline]
    fn from_named(arg: &'a Obj, function: &str, label: &str) -> PyResult<Self> {
        arg.downcast::<T>().ok_or_else(|| bad_argument(function, label, T::class().name(), arg))
    }
}

/// "f() argument 1 must be str, not int"
#[cold]
pub fn bad_argument(function: &str, label: &str, expected: &str, arg: &Obj) -> crate::errors::Raised {
    raise!(TypeError, "{function}() argument{label} must be {expected}, not {}", type_name_for_message(arg))
}

impl<'a, T: PyClass> FromArg<'a> for Ptr<T> {
    #[inline]
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        <&'a Object<T>>::from_arg(arg).map(Object::to_ptr)
    }
    #[inline]
    fn from_named(arg: &'a Obj, function: &str, label: &str) -> PyResult<Self> {
        <&'a Object<T>>::from_named(arg, function, label).map(Object::to_ptr)
    }
}

/// `None` (the object) and a left-out argument both become `None`.
impl<'a, T: FromArg<'a>> FromArg<'a> for Option<T> {
    #[inline]
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        if arg.is_none() { Ok(None) } else { T::from_arg(arg).map(Some) }
    }
    #[inline]
    fn from_named(arg: &'a Obj, function: &str, label: &str) -> PyResult<Self> {
        if arg.is_none() { Ok(None) } else { T::from_named(arg, function, label).map(Some) }
    }
    fn missing() -> Option<Self> {
        Some(None)
    }
}

/// An optional parameter for which passing `None` differs from leaving it out.
pub struct Maybe<T>(pub Option<T>);

impl<'a, T: FromArg<'a>> FromArg<'a> for Maybe<T> {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        T::from_arg(arg).map(|x| Maybe(Some(x)))
    }
    fn from_named(arg: &'a Obj, function: &str, label: &str) -> PyResult<Self> {
        T::from_named(arg, function, label).map(|x| Maybe(Some(x)))
    }
    fn missing() -> Option<Self> {
        Some(Maybe(None))
    }
}

#[cold]
fn expected(class: &Type, arg: &Obj) -> crate::errors::Raised {
    raise!(TypeError, "argument must be {}, not {}", class.name(), type_name_for_message(arg))
}

/// The class name that messages about arguments show: `None` for None.
pub fn type_name_for_message(arg: &Obj) -> String {
    if arg.is_none() { "None".to_owned() } else { arg.class().name().to_owned() }
}

impl<'a> FromArg<'a> for bool {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        truth::is_true(arg)
    }
}

impl<'a> FromArg<'a> for f64 {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        number::as_f64(arg)
    }
}

impl<'a> FromArg<'a> for BigInt {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        let index = number::index(arg)?;
        Ok(int::to_bigint(&index).expect("index() gives an int"))
    }
}

macro_rules! integer_args {
    ($($ty:ty, $what:literal);* $(;)?) => { $(
        impl<'a> FromArg<'a> for $ty {
            fn from_arg(arg: &'a Obj) -> PyResult<Self> {
                let v = arg.value();
                if v.is_fixnum()
                    && let Ok(n) = <$ty>::try_from(v.as_fixnum())
                {
                    return Ok(n);
                }
                let index = number::index(arg)?;
                match int::to_bigint(&index).and_then(|n| <$ty>::try_from(&n).ok()) {
                    Some(n) => Ok(n),
                    None => Err(raise!(OverflowError, "Python int too large to convert to C {}", $what)),
                }
            }
        }
    )* };
}

integer_args! {
    i8, "char"; u8, "unsigned char"; i16, "short"; u16, "unsigned short";
    i32, "int"; u32, "unsigned int"; i64, "long"; u64, "unsigned long"; usize, "size_t";
}

impl<'a> FromArg<'a> for isize {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        let v = arg.value();
        if v.is_fixnum() {
            return Ok(v.as_fixnum() as isize);
        }
        let index = number::index(arg)?;
        match int::to_i64(&index) {
            Some(n) => Ok(n as isize),
            None => Err(raise!(OverflowError, "Python int too large to convert to C ssize_t")),
        }
    }
}

/// One character.
impl<'a> FromArg<'a> for char {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        let text = <&Object<Str>>::from_arg(arg)?;
        match (text.len(), text.get_char(0).and_then(char::from_u32)) {
            (1, Some(c)) => Ok(c),
            _ => Err(raise!(TypeError, "argument must be a unicode character, not str")),
        }
    }
}

impl<'a> FromArg<'a> for String {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        <&Object<Str>>::from_arg(arg).and_then(|s| s.to_string_checked())
    }
    fn from_named(arg: &'a Obj, function: &str, label: &str) -> PyResult<Self> {
        <&Object<Str>>::from_named(arg, function, label).and_then(|s| s.to_string_checked())
    }
}

/// Conversion of a native function's result to a Python object.
pub trait IntoResult {
    fn into_result(self) -> PyResult<Obj>;
}

impl<T: IntoResult> IntoResult for PyResult<T> {
    #[inline(always)]
    fn into_result(self) -> PyResult<Obj> {
        self.and_then(T::into_result)
    }
}

impl IntoResult for Obj {
    #[inline(always)]
    fn into_result(self) -> PyResult<Obj> {
        Ok(self)
    }
}

impl<T> IntoResult for Ptr<T> {
    #[inline(always)]
    fn into_result(self) -> PyResult<Obj> {
        Ok(self.into_obj())
    }
}

impl IntoResult for () {
    #[inline(always)]
    fn into_result(self) -> PyResult<Obj> {
        Ok(singletons::none())
    }
}

impl IntoResult for bool {
    #[inline(always)]
    fn into_result(self) -> PyResult<Obj> {
        Ok(singletons::bool_obj(self))
    }
}

impl IntoResult for f64 {
    #[inline(always)]
    fn into_result(self) -> PyResult<Obj> {
        Ok(float::new(self))
    }
}

impl IntoResult for String {
    fn into_result(self) -> PyResult<Obj> {
        Ok(Str::new(&self).into_obj())
    }
}

impl IntoResult for &str {
    fn into_result(self) -> PyResult<Obj> {
        Ok(Str::new(self).into_obj())
    }
}

impl IntoResult for BigInt {
    fn into_result(self) -> PyResult<Obj> {
        Ok(int::from_bigint(self))
    }
}

/// `None` (Rust) becomes `None` (Python).
impl<T: IntoResult> IntoResult for Option<T> {
    fn into_result(self) -> PyResult<Obj> {
        self.map_or_else(|| Ok(singletons::none()), T::into_result)
    }
}

macro_rules! integer_results {
    ($($ty:ty),*) => { $(
        impl IntoResult for $ty {
            #[inline(always)]
            fn into_result(self) -> PyResult<Obj> {
                Ok(int::new(self as i64))
            }
        }
    )* };
}
integer_results!(i8, u8, i16, u16, i32, u32, i64, isize);

impl IntoResult for u64 {
    fn into_result(self) -> PyResult<Obj> {
        Ok(int::from_u64(self))
    }
}

impl IntoResult for usize {
    fn into_result(self) -> PyResult<Obj> {
        Ok(int::from_u64(self as u64))
    }
}

impl<A: IntoResult, B: IntoResult> IntoResult for (A, B) {
    fn into_result(self) -> PyResult<Obj> {
        Ok(Tuple::from_vec(vec![self.0.into_result()?, self.1.into_result()?]).into_obj())
    }
}

impl<A: IntoResult, B: IntoResult, C: IntoResult> IntoResult for (A, B, C) {
    fn into_result(self) -> PyResult<Obj> {
        Ok(Tuple::from_vec(vec![self.0.into_result()?, self.1.into_result()?, self.2.into_result()?]).into_obj())
    }
}

impl<T: IntoResult> IntoResult for Vec<T> {
    /// Vectors become lists.
    fn into_result(self) -> PyResult<Obj> {
        let items = self.into_iter().map(T::into_result).collect::<PyResult<Vec<Obj>>>()?;
        Ok(crate::objects::list::List::from_vec(items).into_obj())
    }
}

/// Converts a result for the calling convention.
#[inline(always)]
pub fn finish(result: impl IntoResult) -> Value {
    crate::call::raw(result.into_result())
}

/// The raw arguments of a native function as a view.
///
/// # Safety
/// The words follow the calling convention and stay alive for `'a`.
#[inline(always)]
pub unsafe fn view<'a>(args: *const Value, nargs: usize, kwnames: Value) -> Args<'a> {
    // SAFETY: by contract.
    unsafe { Args::from_raw(args, nargs, kwnames) }
}

/// The `self` of a method call whose descriptor has checked its class.
///
/// # Safety
/// `obj` is an instance of `T`'s class with a heap payload.
#[inline(always)]
pub unsafe fn this<T: PyClass>(obj: &Obj) -> &Object<T> {
    // SAFETY: by contract.
    unsafe { obj.downcast_unchecked::<T>() }
}
