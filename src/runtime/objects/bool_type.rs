//! `bool`: a subclass of `int` with two instances.

use crate::call::Args;
use crate::class::ClassDef;
use crate::errors::PyResult;
use crate::object::{Obj, Object, PyClass};
use crate::objects::exceptions::DeprecationWarning;
use crate::objects::int::Int;
use crate::objects::int_arithmetic as arithmetic;
use crate::objects::singletons::{BOOL, Bool, as_bool, bool_obj};
use crate::objects::{int, singletons};
use crate::protocols::truth;
use crate::types::{NativeLayout, Type, flags};
use crate::{name, raise};
use pyrs_macros::pymethods;

impl Bool {
    /// The definition that the class object is made from.
    pub fn def() -> &'static ClassDef {
        static DEF: ClassDef = ClassDef {
            name: "bool",
            module: "builtins",
            doc: "Returns True when the argument is true, False otherwise.\nThe builtins True and False are the only two \
                  instances of the class bool.\nThe class bool is a subclass of the class int, and cannot be subclassed.",
            class: &BOOL,
            base: Int::class,
            flags: flags::LONG_SUBCLASS | flags::MATCH_SELF,
            basicsize: size_of::<Object<Int>>(),
            itemsize: 0,
            has_dict: false,
            has_weaklist: false,
            layout: NativeLayout { drop_payload: crate::class::drop_payload::<Int>, ..NativeLayout::EMPTY },
            parts: &[&Bool::PART],
            unhashable: false,
        };
        &DEF
    }
}

/// A bit operation: bool if both operands are, else int's.
fn bits(a: &Obj, b: &Obj, bools: fn(bool, bool) -> bool, ints: fn(&Obj, &Obj) -> PyResult<Obj>) -> PyResult<Obj> {
    match (as_bool(a), as_bool(b)) {
        (Some(x), Some(y)) => Ok(bool_obj(bools(x, y))),
        _ => ints(a, b),
    }
}

#[pymethods]
impl Bool {
    #[new(text_signature = "(object=False, /)")]
    fn new(_cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        args.no_keywords("bool")?;
        match args.positionals() {
            [] => Ok(bool_obj(false)),
            [x] => truth::is_true(x).map(bool_obj),
            more => Err(raise!(TypeError, "bool expected at most 1 argument, got {}", more.len())),
        }
    }

    #[slot(repr)]
    fn repr(this: &Obj) -> PyResult<Obj> {
        Ok(if singletons::as_bool(this) == Some(true) { name!("True") } else { name!("False") }.to_obj())
    }

    #[slot(nb_invert)]
    fn invert(this: &Obj) -> PyResult<Obj> {
        (crate::hooks::hooks().warn)(
            DeprecationWarning::class(),
            "Bitwise inversion '~' on bool is deprecated and will be removed in Python 3.16. This returns the bitwise \
             inversion of the underlying int object and is usually not what you expect from negating a bool. Use the 'not' \
             operator for boolean negation or ~int(x) for the bitwise inversion of the underlying int.",
            1,
        )?;
        Ok(arithmetic::invert(int::view(this).expect("the slot belongs to bool")))
    }

    #[slot(nb_and)]
    fn and(a: &Obj, b: &Obj) -> PyResult<Obj> {
        bits(a, b, |x, y| x & y, arithmetic::and)
    }

    #[slot(nb_xor)]
    fn xor(a: &Obj, b: &Obj) -> PyResult<Obj> {
        bits(a, b, |x, y| x ^ y, arithmetic::xor)
    }

    #[slot(nb_or)]
    fn or(a: &Obj, b: &Obj) -> PyResult<Obj> {
        bits(a, b, |x, y| x | y, arithmetic::or)
    }
}
