//! `_operator`: the operators as functions, and `itemgetter`, `attrgetter`, `methodcaller`.

mod getters;

pub use getters::{AttrGetter, ItemGetter, MethodCaller};

/// Declares the module with its tables of one-line functions.
macro_rules! operator_module {
    (
        unary { $($uname:ident $udoc:tt $ufn:path;)* }
        binary { $($bname:ident $bdoc:tt $bfn:path;)* }
        compare { $($cname:ident $cdoc:tt $cop:ident;)* }
    ) => {
        /// Operator interface.
        ///
        /// This module exports a set of functions implemented in Rust corresponding
        /// to the intrinsic operators of Python.  For example, operator.add(x, y)
        /// is equivalent to the expression x+y.
        #[pyrs_macros::pymodule(
            name = "_operator",
            classes(super::AttrGetter, super::ItemGetter, super::MethodCaller)
        )]
        pub mod module {
            use pyrs_runtime::objects::singletons::none;
            use pyrs_runtime::objects::str::Str;
            use pyrs_runtime::protocols::{buffer, compare, iter, number, sequence, truth};
            use pyrs_runtime::types::slots::CompareOp;
            use pyrs_runtime::{Obj, PyResult, call, raise};

            $(
                #[doc = $udoc]
                #[pyfunction]
                pub fn $uname(a: &Obj) -> PyResult<Obj> {
                    $ufn(a)
                }
            )*
            $(
                #[doc = $bdoc]
                #[pyfunction]
                pub fn $bname(a: &Obj, b: &Obj) -> PyResult<Obj> {
                    $bfn(a, b)
                }
            )*
            $(
                #[doc = $cdoc]
                #[pyfunction]
                pub fn $cname(a: &Obj, b: &Obj) -> PyResult<Obj> {
                    compare::rich_compare(a, b, CompareOp::$cop)
                }
            )*

            /// Return True if a is true, False otherwise.
            #[pyfunction]
            pub fn truth(a: &Obj) -> PyResult<bool> {
                truth::is_true(a)
            }

            /// Same as not a.
            #[pyfunction]
            pub fn not_(a: &Obj) -> PyResult<bool> {
                truth::is_true(a).map(|t| !t)
            }

            /// Same as b in a (note reversed operands).
            #[pyfunction]
            pub fn contains(a: &Obj, b: &Obj) -> PyResult<bool> {
                iter::contains(a, b)
            }

            /// Return the first index of b in a.
            #[pyfunction(name = "indexOf")]
            pub fn index_of(a: &Obj, b: &Obj) -> PyResult<usize> {
                iter::index_of(a, b)
            }

            /// Return the number of items in a which are, or which equal, b.
            #[pyfunction(name = "countOf")]
            pub fn count_of(a: &Obj, b: &Obj) -> PyResult<usize> {
                iter::count(a, b)
            }

            /// Same as a is b.
            #[pyfunction]
            pub fn is_(a: &Obj, b: &Obj) -> bool {
                a.is(b)
            }

            /// Same as a is not b.
            #[pyfunction]
            pub fn is_not(a: &Obj, b: &Obj) -> bool {
                !a.is(b)
            }

            /// Same as a is None.
            #[pyfunction]
            pub fn is_none(a: &Obj) -> bool {
                a.is_none()
            }

            /// Same as a is not None.
            #[pyfunction]
            pub fn is_not_none(a: &Obj) -> bool {
                !a.is_none()
            }

            /// Same as a ** b.
            #[pyfunction]
            pub fn pow(a: &Obj, b: &Obj) -> PyResult<Obj> {
                number::power(a, b, &none())
            }

            fn check_sequence(obj: &Obj) -> PyResult<()> {
                if !sequence::is_sequence(obj) {
                    return Err(raise!(TypeError, "'{}' object can't be concatenated", obj.class().name()));
                }
                Ok(())
            }

            /// Same as a + b, for a and b sequences.
            #[pyfunction]
            pub fn concat(a: &Obj, b: &Obj) -> PyResult<Obj> {
                check_sequence(a)?;
                match a.class().slots().sq_concat {
                    Some(f) => f(a, b),
                    None => check_sequence(b).and_then(|()| number::add(a, b)),
                }
            }

            /// Same as a += b, for a and b sequences.
            #[pyfunction]
            pub fn iconcat(a: &Obj, b: &Obj) -> PyResult<Obj> {
                check_sequence(a)?;
                let slots = a.class().slots();
                match slots.sq_inplace_concat.or(slots.sq_concat) {
                    Some(f) => f(a, b),
                    None => check_sequence(b).and_then(|()| number::inplace_add(a, b)),
                }
            }

            /// Same as a[b] = c.
            #[pyfunction]
            pub fn setitem(a: &Obj, b: &Obj, c: &Obj) -> PyResult<()> {
                sequence::setitem(a, b, c)
            }

            /// Same as del a[b].
            #[pyfunction]
            pub fn delitem(a: &Obj, b: &Obj) -> PyResult<()> {
                sequence::delitem(a, b)
            }

            /// Return an estimate of the number of items in obj.
            ///
            /// This is useful for presizing containers when building from an iterable.
            ///
            /// If the object supports len(), the result will be exact.
            /// Otherwise, it may over- or under-estimate by an arbitrary amount.
            /// The result will be an integer >= 0.
            #[pyfunction(sig = "(obj, default=0, /)")]
            pub fn length_hint(obj: &Obj, default: isize) -> PyResult<isize> {
                // A negative default comes back as it is: only a missing hint shows it.
                let hint = iter::length_hint(obj, usize::MAX)?;
                Ok(if hint == usize::MAX { default } else { hint as isize })
            }

            /// Same as obj(*args, **kwargs).
            #[pyfunction(text_signature = "($module, obj, /, *args, **kwargs)")]
            pub fn call(args: call::Args<'_>) -> PyResult<Obj> {
                match args.positionals().first() {
                    Some(function) => call::call_args(function, args.rest()),
                    None => Err(raise!(TypeError, "call expected at least 1 argument, got 0")),
                }
            }

            /// Return 'a == b'.
            ///
            /// The time it takes does not depend on where a and b differ, which makes it
            /// appropriate for cryptography.
            ///
            /// a and b must both be of the same type: either str (ASCII only),
            /// or any bytes-like object.
            ///
            /// Note: If a and b are of different lengths, or if an error occurs,
            /// a timing attack could theoretically reveal information about the
            /// types and lengths of a and b--but not their values.
            #[pyfunction]
            pub fn _compare_digest(a: &Obj, b: &Obj) -> PyResult<bool> {
                let (a, b) = match (a.downcast::<Str>(), b.downcast::<Str>()) {
                    (Some(a), Some(b)) => match (a.as_ascii(), b.as_ascii()) {
                        (Some(a), Some(b)) => (a.as_bytes().to_vec(), b.as_bytes().to_vec()),
                        _ => {
                            return Err(raise!(
                                TypeError,
                                "comparing strings with non-ASCII characters is not supported"
                            ));
                        }
                    },
                    _ => (buffer::to_bytes(a)?.to_vec(), buffer::to_bytes(b)?.to_vec()),
                };
                let differences = a.iter().zip(&b).fold(0, |acc, (x, y)| acc | (x ^ y));
                Ok(std::hint::black_box(differences) == 0 && a.len() == b.len())
            }

            /// Same as a **= b.
            #[pyfunction]
            pub fn ipow(a: &Obj, b: &Obj) -> PyResult<Obj> {
                number::inplace_power(a, b)
            }
        }
    };
}

operator_module! {
    unary {
        index "Same as a.__index__()" number::exact_index;
        neg "Same as -a." number::negative;
        pos "Same as +a." number::positive;
        abs "Same as abs(a)." number::absolute;
        inv "Same as ~a." number::invert;
        invert "Same as ~a." number::invert;
    }
    binary {
        add "Same as a + b." number::add;
        sub "Same as a - b." number::subtract;
        mul "Same as a * b." number::multiply;
        matmul "Same as a @ b." number::matrix_multiply;
        floordiv "Same as a // b." number::floor_divide;
        truediv "Same as a / b." number::true_divide;
        r#mod "Same as a % b." number::remainder;
        lshift "Same as a << b." number::lshift;
        rshift "Same as a >> b." number::rshift;
        and_ "Same as a & b." number::and;
        xor "Same as a ^ b." number::xor;
        or_ "Same as a | b." number::or;
        iadd "Same as a += b." number::inplace_add;
        isub "Same as a -= b." number::inplace_subtract;
        imul "Same as a *= b." number::inplace_multiply;
        imatmul "Same as a @= b." number::inplace_matrix_multiply;
        ifloordiv "Same as a //= b." number::inplace_floor_divide;
        itruediv "Same as a /= b." number::inplace_true_divide;
        imod "Same as a %= b." number::inplace_remainder;
        ilshift "Same as a <<= b." number::inplace_lshift;
        irshift "Same as a >>= b." number::inplace_rshift;
        iand "Same as a &= b." number::inplace_and;
        ixor "Same as a ^= b." number::inplace_xor;
        ior "Same as a |= b." number::inplace_or;
        getitem "Same as a[b]." sequence::getitem;
    }
    compare {
        eq "Same as a == b." Eq;
        ne "Same as a != b." Ne;
        lt "Same as a < b." Lt;
        le "Same as a <= b." Le;
        gt "Same as a > b." Gt;
        ge "Same as a >= b." Ge;
    }
}
