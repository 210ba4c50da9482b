//! The table of slots: what a class does for each operation, as plain function pointers.
//!
//! Every slot is declared once, in [`for_each_slot!`]: field name, signature, and the special method
//! names it serves. The struct, inheritance, the lookup by identifier, the descriptors for native
//! classes (`list.__len__`) and the update after `class` statements and attribute assignment derive
//! from it.

use crate::call::{Args, VectorCall};
use crate::errors::PyResult;
use crate::object::{Obj, Object};
use crate::objects::str::Str;
use crate::protocols::buffer::Buffer;
use crate::types::Type;

pub type UnaryFn = fn(&Obj) -> PyResult<Obj>;
pub type BinaryFn = fn(&Obj, &Obj) -> PyResult<Obj>;
pub type TernaryFn = fn(&Obj, &Obj, &Obj) -> PyResult<Obj>;
pub type BoolFn = fn(&Obj) -> PyResult<bool>;
pub type LenFn = fn(&Obj) -> PyResult<usize>;
pub type HashFn = fn(&Obj) -> PyResult<i64>;
pub type CompareFn = fn(&Obj, &Obj, CompareOp) -> PyResult<Obj>;
pub type GetAttrFn = fn(&Obj, &Object<Str>) -> PyResult<Obj>;
pub type SetAttrFn = fn(&Obj, &Object<Str>, Option<&Obj>) -> PyResult<()>;
pub type IndexFn = fn(&Obj, isize) -> PyResult<Obj>;
pub type SetItemFn = fn(&Obj, &Obj, Option<&Obj>) -> PyResult<()>;
pub type ContainsFn = fn(&Obj, &Obj) -> PyResult<bool>;
pub type DescrGetFn = fn(&Obj, Option<&Obj>, Option<&Type>) -> PyResult<Obj>;
/// The same signature as item assignment.
pub type DescrSetFn = SetItemFn;
pub type InitFn = fn(&Obj, Args<'_>) -> PyResult<()>;
pub type NewFn = fn(&Type, Args<'_>) -> PyResult<Obj>;
pub type NextFn = fn(&Obj) -> PyResult<Option<Obj>>;
pub type FinalizeFn = fn(&Obj);
pub type BufferFn = fn(&Obj, u32) -> PyResult<Buffer>;
pub type ReleaseFn = fn(&Obj, &Buffer);
pub type SendFn = fn(&Obj, &Obj) -> PyResult<SendResult>;

/// What an iterator or coroutine answered to `send`.
pub enum SendResult {
    /// It yielded this value.
    Yield(Obj),
    /// It returned this value.
    Return(Obj),
}

/// The six rich comparisons, with CPython's numbers.
#[repr(u8)]
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum CompareOp {
    Lt = 0,
    Le = 1,
    Eq = 2,
    Ne = 3,
    Gt = 4,
    Ge = 5,
}

impl CompareOp {
    pub const ALL: [CompareOp; 6] =
        [CompareOp::Lt, CompareOp::Le, CompareOp::Eq, CompareOp::Ne, CompareOp::Gt, CompareOp::Ge];

    pub fn from_index(index: usize) -> CompareOp {
        CompareOp::ALL[index]
    }

    /// The operation with its operands exchanged.
    pub fn swapped(self) -> CompareOp {
        match self {
            CompareOp::Lt => CompareOp::Gt,
            CompareOp::Le => CompareOp::Ge,
            CompareOp::Gt => CompareOp::Lt,
            CompareOp::Ge => CompareOp::Le,
            same => same,
        }
    }

    pub fn symbol(self) -> &'static str {
        ["<", "<=", "==", "!=", ">", ">="][self as usize]
    }

    /// The answer for two operands that compare as `ordering`.
    #[inline]
    pub fn matches(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            CompareOp::Lt => ordering.is_lt(),
            CompareOp::Le => ordering.is_le(),
            CompareOp::Eq => ordering.is_eq(),
            CompareOp::Ne => ordering.is_ne(),
            CompareOp::Gt => ordering.is_gt(),
            CompareOp::Ge => ordering.is_ge(),
        }
    }
}

/// How a special method's Python arguments map to its slot's parameters.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    Unary,
    Binary,
    /// `__radd__`: the operands change places.
    Reflected,
    Ternary,
    TernaryReflected,
    Bool,
    Len,
    Hash,
    Compare(CompareOp),
    GetAttr,
    SetAttr,
    DelAttr,
    Index,
    SetItem,
    DelItem,
    Contains,
    DescrGet,
    DescrSet,
    DescrDelete,
    Init,
    Call,
    Next,
    Finalize,
    GetBuffer,
    ReleaseBuffer,
}

/// One special method name and the slot behind it.
pub struct SlotDef {
    pub name: &'static str,
    pub slot: SlotId,
    pub kind: Kind,
    pub signature: &'static str,
    pub doc: &'static str,
}

/// Calls `$m!` with every slot: `field: Type, Variant;`.
#[macro_export]
macro_rules! for_each_slot {
    ($m:ident) => {
        $m! {
            repr: UnaryFn, Repr;
            str: UnaryFn, Str;
            hash: HashFn, Hash;
            call: VectorCall, Call;
            richcompare: CompareFn, RichCompare;
            getattro: GetAttrFn, GetAttr;
            setattro: SetAttrFn, SetAttr;
            iter: UnaryFn, Iter;
            iternext: NextFn, IterNext;
            descr_get: DescrGetFn, DescrGet;
            descr_set: DescrSetFn, DescrSet;
            init: InitFn, Init;
            new: NewFn, New;
            finalize: FinalizeFn, Finalize;
            await_: UnaryFn, Await;
            aiter: UnaryFn, AIter;
            anext: UnaryFn, ANext;
            send: SendFn, Send;
            length: LenFn, Length;
            getitem: BinaryFn, GetItem;
            setitem: SetItemFn, SetItem;
            contains: ContainsFn, Contains;
            sq_item: IndexFn, SqItem;
            sq_concat: BinaryFn, SqConcat;
            sq_repeat: IndexFn, SqRepeat;
            sq_inplace_concat: BinaryFn, SqInplaceConcat;
            sq_inplace_repeat: IndexFn, SqInplaceRepeat;
            nb_add: BinaryFn, Add;
            nb_subtract: BinaryFn, Subtract;
            nb_multiply: BinaryFn, Multiply;
            nb_remainder: BinaryFn, Remainder;
            nb_divmod: BinaryFn, Divmod;
            nb_power: TernaryFn, Power;
            nb_negative: UnaryFn, Negative;
            nb_positive: UnaryFn, Positive;
            nb_absolute: UnaryFn, Absolute;
            nb_bool: BoolFn, Bool;
            nb_invert: UnaryFn, Invert;
            nb_lshift: BinaryFn, Lshift;
            nb_rshift: BinaryFn, Rshift;
            nb_and: BinaryFn, And;
            nb_xor: BinaryFn, Xor;
            nb_or: BinaryFn, Or;
            nb_int: UnaryFn, Int;
            nb_float: UnaryFn, Float;
            nb_index: UnaryFn, Index;
            nb_floor_divide: BinaryFn, FloorDivide;
            nb_true_divide: BinaryFn, TrueDivide;
            nb_matrix_multiply: BinaryFn, MatrixMultiply;
            nb_inplace_add: BinaryFn, InplaceAdd;
            nb_inplace_subtract: BinaryFn, InplaceSubtract;
            nb_inplace_multiply: BinaryFn, InplaceMultiply;
            nb_inplace_remainder: BinaryFn, InplaceRemainder;
            nb_inplace_power: TernaryFn, InplacePower;
            nb_inplace_lshift: BinaryFn, InplaceLshift;
            nb_inplace_rshift: BinaryFn, InplaceRshift;
            nb_inplace_and: BinaryFn, InplaceAnd;
            nb_inplace_xor: BinaryFn, InplaceXor;
            nb_inplace_or: BinaryFn, InplaceOr;
            nb_inplace_floor_divide: BinaryFn, InplaceFloorDivide;
            nb_inplace_true_divide: BinaryFn, InplaceTrueDivide;
            nb_inplace_matrix_multiply: BinaryFn, InplaceMatrixMultiply;
            buffer: BufferFn, Buffer;
            release_buffer: ReleaseFn, ReleaseBuffer;
        }
    };
}

/// A slot's function, whatever its signature.
#[derive(Copy, Clone)]
pub enum SlotFn {
    Unary(UnaryFn),
    Binary(BinaryFn),
    Ternary(TernaryFn),
    Bool(BoolFn),
    Len(LenFn),
    Hash(HashFn),
    Compare(CompareFn),
    GetAttr(GetAttrFn),
    SetAttr(SetAttrFn),
    Index(IndexFn),
    SetItem(SetItemFn),
    Contains(ContainsFn),
    DescrGet(DescrGetFn),
    Init(InitFn),
    New(NewFn),
    Next(NextFn),
    Finalize(FinalizeFn),
    Buffer(BufferFn),
    Release(ReleaseFn),
    Send(SendFn),
    Call(VectorCall),
}

impl SlotFn {
    /// The function's address, for comparing two slots.
    pub fn address(self) -> usize {
        match self {
            SlotFn::Unary(f) => f as usize,
            SlotFn::Binary(f) => f as usize,
            SlotFn::Ternary(f) => f as usize,
            SlotFn::Bool(f) => f as usize,
            SlotFn::Len(f) => f as usize,
            SlotFn::Hash(f) => f as usize,
            SlotFn::Compare(f) => f as usize,
            SlotFn::GetAttr(f) => f as usize,
            SlotFn::SetAttr(f) => f as usize,
            SlotFn::Index(f) => f as usize,
            SlotFn::SetItem(f) => f as usize,
            SlotFn::Contains(f) => f as usize,
            SlotFn::DescrGet(f) => f as usize,
            SlotFn::Init(f) => f as usize,
            SlotFn::New(f) => f as usize,
            SlotFn::Next(f) => f as usize,
            SlotFn::Finalize(f) => f as usize,
            SlotFn::Buffer(f) => f as usize,
            SlotFn::Release(f) => f as usize,
            SlotFn::Send(f) => f as usize,
            SlotFn::Call(f) => f as usize,
        }
    }
}

/// Conversion between a slot's own function type and [`SlotFn`].
pub trait SlotSignature: Sized {
    fn wrap(self) -> SlotFn;
    fn unwrap(f: SlotFn) -> Option<Self>;
}

macro_rules! signatures {
    ($($ty:ty => $variant:ident),* $(,)?) => { $(
        impl SlotSignature for $ty {
            fn wrap(self) -> SlotFn {
                SlotFn::$variant(self)
            }
            fn unwrap(f: SlotFn) -> Option<Self> {
                match f {
                    SlotFn::$variant(f) => Some(f),
                    _ => None,
                }
            }
        }
    )* };
}

signatures! {
    UnaryFn => Unary, BinaryFn => Binary, TernaryFn => Ternary, BoolFn => Bool, LenFn => Len, HashFn => Hash,
    CompareFn => Compare, GetAttrFn => GetAttr, SetAttrFn => SetAttr, IndexFn => Index, SetItemFn => SetItem,
    ContainsFn => Contains, DescrGetFn => DescrGet, InitFn => Init, NewFn => New,
    NextFn => Next, FinalizeFn => Finalize, BufferFn => Buffer, ReleaseFn => Release, SendFn => Send,
    VectorCall => Call,
}

macro_rules! declare_slots {
    ($($field:ident: $ty:ident, $variant:ident;)*) => {
        /// The slots of a class. Inherited ones are copied down, so an operation is one load away.
        #[derive(Default, Copy, Clone)]
        pub struct Slots {
            $(pub $field: Option<$ty>,)*
        }

        /// Names a slot.
        #[repr(u8)]
        #[derive(Copy, Clone, PartialEq, Eq, Debug)]
        pub enum SlotId {
            $($variant,)*
        }

        impl Slots {
            pub const EMPTY: Slots = Slots { $($field: None,)* };

            pub fn get(&self, id: SlotId) -> Option<SlotFn> {
                match id {
                    $(SlotId::$variant => self.$field.map(SlotSignature::wrap),)*
                }
            }

            /// Sets a slot to a function of its own signature, or clears it.
            pub fn set(&mut self, id: SlotId, f: Option<SlotFn>) {
                match id {
                    $(SlotId::$variant => self.$field = f.and_then(<$ty as SlotSignature>::unwrap),)*
                }
            }

            /// Takes over what this class does not define itself.
            pub fn inherit(&mut self, base: &Slots) {
                // Equality and hash belong together: who defines one must define the other.
                let own_equality = self.richcompare.is_some() || self.hash.is_some();
                $(if self.$field.is_none() {
                    let together = matches!(SlotId::$variant, SlotId::RichCompare | SlotId::Hash);
                    if !(together && own_equality) {
                        self.$field = base.$field;
                    }
                })*
            }
        }
    };
}

for_each_slot!(declare_slots);

macro_rules! slot_defs {
    ($($name:literal $slot:ident $kind:expr, $sig:literal, $doc:literal;)*) => {
        /// All special methods, in CPython's order.
        pub static SLOT_DEFS: &[SlotDef] = {
            use Kind::*;
            &[$(SlotDef { name: $name, slot: SlotId::$slot, kind: $kind, signature: $sig, doc: $doc },)*]
        };
    };
}

slot_defs! {
    "__getattribute__" GetAttr GetAttr, "($self, name, /)", "Return getattr(self, name).";
    "__getattr__" GetAttr GetAttr, "", "";
    "__setattr__" SetAttr SetAttr, "($self, name, value, /)", "Implement setattr(self, name, value).";
    "__delattr__" SetAttr DelAttr, "($self, name, /)", "Implement delattr(self, name).";
    "__repr__" Repr Unary, "($self, /)", "Return repr(self).";
    "__hash__" Hash Hash, "($self, /)", "Return hash(self).";
    "__call__" Call Call, "($self, /, *args, **kwargs)", "Call self as a function.";
    "__str__" Str Unary, "($self, /)", "Return str(self).";
    "__lt__" RichCompare Compare(CompareOp::Lt), "($self, value, /)", "Return self<value.";
    "__le__" RichCompare Compare(CompareOp::Le), "($self, value, /)", "Return self<=value.";
    "__eq__" RichCompare Compare(CompareOp::Eq), "($self, value, /)", "Return self==value.";
    "__ne__" RichCompare Compare(CompareOp::Ne), "($self, value, /)", "Return self!=value.";
    "__gt__" RichCompare Compare(CompareOp::Gt), "($self, value, /)", "Return self>value.";
    "__ge__" RichCompare Compare(CompareOp::Ge), "($self, value, /)", "Return self>=value.";
    "__iter__" Iter Unary, "($self, /)", "Implement iter(self).";
    "__next__" IterNext Next, "($self, /)", "Implement next(self).";
    "__get__" DescrGet DescrGet, "($self, instance, owner=None, /)", "Return an attribute of instance, which is of type owner.";
    "__set__" DescrSet DescrSet, "($self, instance, value, /)", "Set an attribute of instance to value.";
    "__delete__" DescrSet DescrDelete, "($self, instance, /)", "Delete an attribute of instance.";
    "__init__" Init Init, "($self, /, *args, **kwargs)", "Initialize self.  See help(type(self)) for accurate signature.";
    "__del__" Finalize Finalize, "($self, /)", "Called when the instance is about to be destroyed.";
    "__buffer__" Buffer GetBuffer, "($self, flags, /)", "Return a buffer object that exposes the underlying memory of the object.";
    "__release_buffer__" ReleaseBuffer ReleaseBuffer, "($self, buffer, /)", "Release the buffer object that exposes the underlying memory of the object.";
    "__await__" Await Unary, "($self, /)", "Return an iterator to be used in await expression.";
    "__aiter__" AIter Unary, "($self, /)", "Return an awaitable, that resolves in asynchronous iterator.";
    "__anext__" ANext Unary, "($self, /)", "Return a value or raise StopAsyncIteration.";
    "__add__" Add Binary, "($self, value, /)", "Return self+value.";
    "__radd__" Add Reflected, "($self, value, /)", "Return value+self.";
    "__sub__" Subtract Binary, "($self, value, /)", "Return self-value.";
    "__rsub__" Subtract Reflected, "($self, value, /)", "Return value-self.";
    "__mul__" Multiply Binary, "($self, value, /)", "Return self*value.";
    "__rmul__" Multiply Reflected, "($self, value, /)", "Return value*self.";
    "__mod__" Remainder Binary, "($self, value, /)", "Return self%value.";
    "__rmod__" Remainder Reflected, "($self, value, /)", "Return value%self.";
    "__divmod__" Divmod Binary, "($self, value, /)", "Return divmod(self, value).";
    "__rdivmod__" Divmod Reflected, "($self, value, /)", "Return divmod(value, self).";
    "__pow__" Power Ternary, "($self, value, mod=None, /)", "Return pow(self, value, mod).";
    "__rpow__" Power TernaryReflected, "($self, value, mod=None, /)", "Return pow(value, self, mod).";
    "__neg__" Negative Unary, "($self, /)", "-self";
    "__pos__" Positive Unary, "($self, /)", "+self";
    "__abs__" Absolute Unary, "($self, /)", "abs(self)";
    "__bool__" Bool Bool, "($self, /)", "True if self else False";
    "__invert__" Invert Unary, "($self, /)", "~self";
    "__lshift__" Lshift Binary, "($self, value, /)", "Return self<<value.";
    "__rlshift__" Lshift Reflected, "($self, value, /)", "Return value<<self.";
    "__rshift__" Rshift Binary, "($self, value, /)", "Return self>>value.";
    "__rrshift__" Rshift Reflected, "($self, value, /)", "Return value>>self.";
    "__and__" And Binary, "($self, value, /)", "Return self&value.";
    "__rand__" And Reflected, "($self, value, /)", "Return value&self.";
    "__xor__" Xor Binary, "($self, value, /)", "Return self^value.";
    "__rxor__" Xor Reflected, "($self, value, /)", "Return value^self.";
    "__or__" Or Binary, "($self, value, /)", "Return self|value.";
    "__ror__" Or Reflected, "($self, value, /)", "Return value|self.";
    "__int__" Int Unary, "($self, /)", "int(self)";
    "__float__" Float Unary, "($self, /)", "float(self)";
    "__iadd__" InplaceAdd Binary, "($self, value, /)", "Return self+=value.";
    "__isub__" InplaceSubtract Binary, "($self, value, /)", "Return self-=value.";
    "__imul__" InplaceMultiply Binary, "($self, value, /)", "Return self*=value.";
    "__imod__" InplaceRemainder Binary, "($self, value, /)", "Return self%=value.";
    "__ipow__" InplacePower Ternary, "($self, value, mod=None, /)", "Return self**=value.";
    "__ilshift__" InplaceLshift Binary, "($self, value, /)", "Return self<<=value.";
    "__irshift__" InplaceRshift Binary, "($self, value, /)", "Return self>>=value.";
    "__iand__" InplaceAnd Binary, "($self, value, /)", "Return self&=value.";
    "__ixor__" InplaceXor Binary, "($self, value, /)", "Return self^=value.";
    "__ior__" InplaceOr Binary, "($self, value, /)", "Return self|=value.";
    "__floordiv__" FloorDivide Binary, "($self, value, /)", "Return self//value.";
    "__rfloordiv__" FloorDivide Reflected, "($self, value, /)", "Return value//self.";
    "__truediv__" TrueDivide Binary, "($self, value, /)", "Return self/value.";
    "__rtruediv__" TrueDivide Reflected, "($self, value, /)", "Return value/self.";
    "__ifloordiv__" InplaceFloorDivide Binary, "($self, value, /)", "Return self//=value.";
    "__itruediv__" InplaceTrueDivide Binary, "($self, value, /)", "Return self/=value.";
    "__index__" Index Unary, "($self, /)", "Return self converted to an integer, if self is suitable for use as an index into a list.";
    "__matmul__" MatrixMultiply Binary, "($self, value, /)", "Return self@value.";
    "__rmatmul__" MatrixMultiply Reflected, "($self, value, /)", "Return value@self.";
    "__imatmul__" InplaceMatrixMultiply Binary, "($self, value, /)", "Return self@=value.";
    "__len__" Length Len, "($self, /)", "Return len(self).";
    "__getitem__" GetItem Binary, "($self, key, /)", "Return self[key].";
    "__setitem__" SetItem SetItem, "($self, key, value, /)", "Set self[key] to value.";
    "__delitem__" SetItem DelItem, "($self, key, /)", "Delete self[key].";
    "__contains__" Contains Contains, "($self, key, /)", "Return bool(key in self).";
    "__add__" SqConcat Binary, "($self, value, /)", "Return self+value.";
    "__mul__" SqRepeat Index, "($self, value, /)", "Return self*value.";
    "__rmul__" SqRepeat Index, "($self, value, /)", "Return value*self.";
    "__iadd__" SqInplaceConcat Binary, "($self, value, /)", "Implement self+=value.";
    "__imul__" SqInplaceRepeat Index, "($self, value, /)", "Implement self*=value.";
}
