//! What the arguments of opcodes mean: binary operators, comparisons, intrinsics and the like.

/// Declares an enum of operand values with their names as `dis` and `opcode` show them.
macro_rules! operand_enum {
    ($(#[$doc:meta])* $type:ident { $($variant:ident = $number:literal, $name:literal;)* }) => {
        $(#[$doc])*
        #[repr(u8)]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $type { $($variant = $number,)* }

        impl $type {
            /// All values in the order of their numbers.
            pub const ALL: &'static [$type] = &[$($type::$variant,)*];

            /// The value with this number, if there is one.
            pub const fn from_u32(number: u32) -> Option<$type> {
                match number {
                    $($number => Some($type::$variant),)*
                    _ => None,
                }
            }

            /// The name that `opcode` or `dis` shows.
            pub const fn name(self) -> &'static str {
                match self { $($type::$variant => $name,)* }
            }
        }
    };
}

operand_enum! {
    /// `BINARY_OP`; the names are the operators' spellings.
    BinaryOp {
        Add = 0, "+";
        And = 1, "&";
        FloorDivide = 2, "//";
        Lshift = 3, "<<";
        MatrixMultiply = 4, "@";
        Multiply = 5, "*";
        Remainder = 6, "%";
        Or = 7, "|";
        Power = 8, "**";
        Rshift = 9, ">>";
        Subtract = 10, "-";
        TrueDivide = 11, "/";
        Xor = 12, "^";
        InplaceAdd = 13, "+=";
        InplaceAnd = 14, "&=";
        InplaceFloorDivide = 15, "//=";
        InplaceLshift = 16, "<<=";
        InplaceMatrixMultiply = 17, "@=";
        InplaceMultiply = 18, "*=";
        InplaceRemainder = 19, "%=";
        InplaceOr = 20, "|=";
        InplacePower = 21, "**=";
        InplaceRshift = 22, ">>=";
        InplaceSubtract = 23, "-=";
        InplaceTrueDivide = 24, "/=";
        InplaceXor = 25, "^=";
        Subscript = 26, "[]";
    }
}

impl BinaryOp {
    /// The name in `opcode._nb_ops`, as in `"NB_ADD"`.
    pub const fn nb_name(self) -> &'static str {
        const NAMES: [&str; 27] = [
            "NB_ADD",
            "NB_AND",
            "NB_FLOOR_DIVIDE",
            "NB_LSHIFT",
            "NB_MATRIX_MULTIPLY",
            "NB_MULTIPLY",
            "NB_REMAINDER",
            "NB_OR",
            "NB_POWER",
            "NB_RSHIFT",
            "NB_SUBTRACT",
            "NB_TRUE_DIVIDE",
            "NB_XOR",
            "NB_INPLACE_ADD",
            "NB_INPLACE_AND",
            "NB_INPLACE_FLOOR_DIVIDE",
            "NB_INPLACE_LSHIFT",
            "NB_INPLACE_MATRIX_MULTIPLY",
            "NB_INPLACE_MULTIPLY",
            "NB_INPLACE_REMAINDER",
            "NB_INPLACE_OR",
            "NB_INPLACE_POWER",
            "NB_INPLACE_RSHIFT",
            "NB_INPLACE_SUBTRACT",
            "NB_INPLACE_TRUE_DIVIDE",
            "NB_INPLACE_XOR",
            "NB_SUBSCR",
        ];
        NAMES[self as usize]
    }

    /// Whether this is an augmented-assignment operator.
    pub const fn is_inplace(self) -> bool {
        self as u8 >= 13 && self as u8 <= 25
    }
}

operand_enum! {
    /// The operator of `COMPARE_OP`; in the argument it stands above bit 5.
    CompareOp {
        Lt = 0, "<";
        Le = 1, "<=";
        Eq = 2, "==";
        Ne = 3, "!=";
        Gt = 4, ">";
        Ge = 5, ">=";
    }
}

/// `COMPARE_OP`'s bit that asks for an exact `bool` result.
pub const COMPARE_TO_BOOL: u32 = 16;

impl CompareOp {
    /// The low four bits of the argument: which outcomes make the comparison true
    /// (1 unordered, 2 less, 4 greater, 8 equal).
    pub const fn mask(self) -> u32 {
        match self {
            CompareOp::Lt => 2,
            CompareOp::Le => 2 | 8,
            CompareOp::Eq => 8,
            CompareOp::Ne => 1 | 2 | 4,
            CompareOp::Gt => 4,
            CompareOp::Ge => 4 | 8,
        }
    }

    /// The full argument without `COMPARE_TO_BOOL`.
    pub const fn oparg(self) -> u32 {
        (self as u32) << 5 | self.mask()
    }

    /// Reads an argument; the flag says whether an exact `bool` is wanted.
    pub const fn from_oparg(oparg: u32) -> Option<(CompareOp, bool)> {
        match CompareOp::from_u32(oparg >> 5) {
            Some(op) => Some((op, oparg & COMPARE_TO_BOOL != 0)),
            None => None,
        }
    }
}

operand_enum! {
    /// `CALL_INTRINSIC_1`.
    Intrinsic1 {
        Invalid = 0, "INTRINSIC_1_INVALID";
        Print = 1, "INTRINSIC_PRINT";
        ImportStar = 2, "INTRINSIC_IMPORT_STAR";
        StopIterationError = 3, "INTRINSIC_STOPITERATION_ERROR";
        AsyncGenWrap = 4, "INTRINSIC_ASYNC_GEN_WRAP";
        UnaryPositive = 5, "INTRINSIC_UNARY_POSITIVE";
        ListToTuple = 6, "INTRINSIC_LIST_TO_TUPLE";
        TypeVar = 7, "INTRINSIC_TYPEVAR";
        ParamSpec = 8, "INTRINSIC_PARAMSPEC";
        TypeVarTuple = 9, "INTRINSIC_TYPEVARTUPLE";
        SubscriptGeneric = 10, "INTRINSIC_SUBSCRIPT_GENERIC";
        TypeAlias = 11, "INTRINSIC_TYPEALIAS";
    }
}

operand_enum! {
    /// `CALL_INTRINSIC_2`.
    Intrinsic2 {
        Invalid = 0, "INTRINSIC_2_INVALID";
        PrepReraiseStar = 1, "INTRINSIC_PREP_RERAISE_STAR";
        TypeVarWithBound = 2, "INTRINSIC_TYPEVAR_WITH_BOUND";
        TypeVarWithConstraints = 3, "INTRINSIC_TYPEVAR_WITH_CONSTRAINTS";
        SetFunctionTypeParams = 4, "INTRINSIC_SET_FUNCTION_TYPE_PARAMS";
        SetTypeParamDefault = 5, "INTRINSIC_SET_TYPEPARAM_DEFAULT";
    }
}

operand_enum! {
    /// `LOAD_COMMON_CONSTANT`.
    CommonConstant {
        AssertionError = 0, "AssertionError";
        NotImplementedError = 1, "NotImplementedError";
        Tuple = 2, "tuple";
        All = 3, "all";
        Any = 4, "any";
    }
}

operand_enum! {
    /// `LOAD_SPECIAL`.
    SpecialMethod {
        Enter = 0, "__enter__";
        Exit = 1, "__exit__";
        AsyncEnter = 2, "__aenter__";
        AsyncExit = 3, "__aexit__";
    }
}

operand_enum! {
    /// `CONVERT_VALUE`, and (shifted left by two) the conversion of `BUILD_INTERPOLATION`.
    Conversion {
        None = 0, "";
        Str = 1, "str";
        Repr = 2, "repr";
        Ascii = 3, "ascii";
    }
}

/// The bits of `SET_FUNCTION_ATTRIBUTE`.
pub mod function_attribute {
    pub const DEFAULTS: u32 = 0x01;
    pub const KWDEFAULTS: u32 = 0x02;
    pub const ANNOTATIONS: u32 = 0x04;
    pub const CLOSURE: u32 = 0x08;
    pub const ANNOTATE: u32 = 0x10;
}

/// The low bits of `RESUME`: where execution goes on.
pub mod resume {
    pub const AT_FUNC_START: u32 = 0;
    pub const AFTER_YIELD: u32 = 1;
    pub const AFTER_YIELD_FROM: u32 = 2;
    pub const AFTER_AWAIT: u32 = 3;
    pub const LOCATION_MASK: u32 = 3;
    /// Set when the instruction is covered by only the outermost handler of a generator.
    pub const DEPTH1_MASK: u32 = 4;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_encode_as_cpython_does() {
        let args: Vec<u32> = CompareOp::ALL.iter().map(|op| op.oparg()).collect();
        assert_eq!(args, [2, 42, 72, 103, 132, 172]);
        assert_eq!(CompareOp::from_oparg(18), Some((CompareOp::Lt, true)));
    }
}
