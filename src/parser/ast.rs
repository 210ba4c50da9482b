//! The abstract syntax tree, as Python 3.14's `ast` module shows it.
//!
//! Each node is declared once, in a macro that makes the Rust type, its description for the
//! Python-visible `_ast` module (`NODE_CLASSES`), and the conversion to and from a dynamic tree.
//! A field's multiplicity follows from its Rust type: `Option` is `?`, `Vec` is `*`.
//! A trailing underscore of a field (`type_`) is no part of its name.

use pyrs_bytecode::{Constant, WStr};

use crate::dynamic::{AstField, ConversionError, DynNode, DynValue, Multiplicity, NodeReader};

/// A name.
pub type Identifier = WStr;

/// Where a node stands.  Lines count from 1, columns are UTF-8 byte offsets from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Location {
    pub lineno: i32,
    pub col_offset: i32,
    pub end_lineno: i32,
    pub end_col_offset: i32,
}

/// One field of a node class.
#[derive(Debug)]
pub struct FieldInfo {
    pub name: &'static str,
    /// The ASDL type, as in `expr` or `identifier`.
    pub asdl_type: &'static str,
    pub multiplicity: Multiplicity,
}

/// A concrete node class: what `_ast` turns into a Python class.
#[derive(Debug)]
pub struct NodeClass {
    pub name: &'static str,
    /// The abstract class it derives from (`stmt`, `expr` ...); `AST` for product types.
    pub base: &'static str,
    pub fields: &'static [FieldInfo],
    /// Whether the class has `lineno`, `col_offset`, `end_lineno` and `end_col_offset`.
    pub located: bool,
}

/// The name of a field as Python sees it.
pub(crate) const fn field_name(raw: &'static str) -> &'static str {
    match raw.as_bytes().split_last() {
        Some((b'_', rest)) => match std::str::from_utf8(rest) {
            Ok(name) => name,
            Err(_) => raw,
        },
        _ => raw,
    }
}

/// A sum type whose constructors have no fields, as `operator`.
macro_rules! simple_sum {
    ($(#[$doc:meta])* $type:ident = $asdl:literal { $($variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $type { $($variant,)* }

        impl $type {
            /// The classes of this sum.
            pub const CLASSES: &'static [NodeClass] = &[$(NodeClass {
                name: stringify!($variant),
                base: $asdl,
                fields: &[],
                located: false,
            },)*];
        }

        impl AstField for $type {
            const TYPE: &'static str = $asdl;

            fn to_dynamic(&self) -> DynValue {
                DynValue::node(&Self::CLASSES[*self as usize], Vec::new(), None)
            }

            fn from_dynamic(value: DynValue) -> Result<Self, ConversionError> {
                let node = value.into_node($asdl)?;
                match node.class.name {
                    $(stringify!($variant) => Ok($type::$variant),)*
                    _ => Err(ConversionError::WrongType { expected: $asdl, node: Some(node.class.name) }),
                }
            }
        }
    };
}

/// The location of a node class without one.
macro_rules! node_location {
    (located, $node:expr) => {
        Some($node.location)
    };
    (bare, $node:expr) => {
        None
    };
}

macro_rules! is_located {
    (located) => {
        true
    };
    (bare) => {
        false
    };
}

/// A sum type with fields: a struct of location and kind, and the enum of kinds.
macro_rules! sum {
    ($(#[$doc:meta])* $type:ident $kind:ident = $asdl:literal {
        $($variant:ident { $($field:ident : $field_type:ty),* $(,)? })*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $type {
            pub kind: $kind,
            pub location: Location,
        }

        /// The constructors of the sum type.
        #[derive(Clone, Debug)]
        pub enum $kind {
            $($variant { $($field: $field_type,)* },)*
        }

        impl $type {
            /// The classes of this sum.
            pub const CLASSES: &'static [NodeClass] = &[$(NodeClass {
                name: stringify!($variant),
                base: $asdl,
                fields: &[$(FieldInfo {
                    name: field_name(stringify!($field)),
                    asdl_type: <$field_type as AstField>::TYPE,
                    multiplicity: <$field_type as AstField>::MULTIPLICITY,
                },)*],
                located: true,
            },)*];

            fn class_named(name: &str) -> &'static NodeClass {
                Self::CLASSES.iter().find(|class| class.name == name).unwrap_or(&Self::CLASSES[0])
            }
        }

        impl AstField for $type {
            const TYPE: &'static str = $asdl;

            fn to_dynamic(&self) -> DynValue {
                crate::dynamic::with_stack(|| match &self.kind {
                    $($kind::$variant { $($field,)* } => DynValue::node(
                        Self::class_named(stringify!($variant)),
                        vec![$($field.to_dynamic(),)*],
                        Some(self.location),
                    ),)*
                })
            }

            fn from_dynamic(value: DynValue) -> Result<Self, ConversionError> {
                let node = value.into_node($asdl)?;
                crate::dynamic::with_stack(|| {
                    let location = node.location.unwrap_or_default();
                    let name = node.class.name;
                    let mut fields = NodeReader::new(node);
                    let kind = match name {
                        $(stringify!($variant) => $kind::$variant {
                            $($field: fields.next(field_name(stringify!($field)))?,)*
                        },)*
                        _ => return Err(ConversionError::WrongType { expected: $asdl, node: Some(name) }),
                    };
                    let _ = &mut fields;
                    Ok($type { kind, location })
                })
            }
        }
    };
}

/// A product type.
macro_rules! product {
    ($(#[$doc:meta])* $type:ident = $asdl:literal $located:ident {
        $($field:ident : $field_type:ty),* $(,)?
    } $($location:ident)?) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $type {
            $(pub $field: $field_type,)*
            $(pub $location: Location,)?
        }

        impl $type {
            /// The description of this class.
            pub const CLASS: &'static NodeClass = &NodeClass {
                name: $asdl,
                base: "AST",
                fields: &[$(FieldInfo {
                    name: field_name(stringify!($field)),
                    asdl_type: <$field_type as AstField>::TYPE,
                    multiplicity: <$field_type as AstField>::MULTIPLICITY,
                },)*],
                located: is_located!($located),
            };
        }

        impl AstField for $type {
            const TYPE: &'static str = $asdl;

            fn to_dynamic(&self) -> DynValue {
                DynValue::node(
                    Self::CLASS,
                    vec![$(self.$field.to_dynamic(),)*],
                    node_location!($located, self),
                )
            }

            fn from_dynamic(value: DynValue) -> Result<Self, ConversionError> {
                let node = value.into_node($asdl)?;
                $(let $location = node.location.unwrap_or_default();)?
                let mut fields = NodeReader::new(node);
                Ok($type {
                    $($field: fields.next(field_name(stringify!($field)))?,)*
                    $($location,)?
                })
            }
        }
    };
}

/// A whole program, in one of the compiler's modes.
#[derive(Clone, Debug)]
pub enum Mod {
    Module { body: Vec<Stmt>, type_ignores: Vec<TypeIgnore> },
    Interactive { body: Vec<Stmt> },
    Expression { body: Box<Expr> },
    FunctionType { argtypes: Vec<Expr>, returns: Box<Expr> },
}

macro_rules! mod_fields {
    ($($name:literal : $asdl:literal $multiplicity:ident),*) => {
        &[$(FieldInfo {
            name: $name,
            asdl_type: $asdl,
            multiplicity: Multiplicity::$multiplicity,
        },)*]
    };
}

impl Mod {
    /// The classes of this sum.
    pub const CLASSES: &'static [NodeClass] = &[
        NodeClass {
            name: "Module",
            base: "mod",
            fields: mod_fields!("body": "stmt" Many, "type_ignores": "type_ignore" Many),
            located: false,
        },
        NodeClass { name: "Interactive", base: "mod", fields: mod_fields!("body": "stmt" Many), located: false },
        NodeClass { name: "Expression", base: "mod", fields: mod_fields!("body": "expr" One), located: false },
        NodeClass {
            name: "FunctionType",
            base: "mod",
            fields: mod_fields!("argtypes": "expr" Many, "returns": "expr" One),
            located: false,
        },
    ];
}

impl AstField for Mod {
    const TYPE: &'static str = "mod";

    fn to_dynamic(&self) -> DynValue {
        let (index, fields) = match self {
            Mod::Module { body, type_ignores } => (0, vec![body.to_dynamic(), type_ignores.to_dynamic()]),
            Mod::Interactive { body } => (1, vec![body.to_dynamic()]),
            Mod::Expression { body } => (2, vec![body.to_dynamic()]),
            Mod::FunctionType { argtypes, returns } => (3, vec![argtypes.to_dynamic(), returns.to_dynamic()]),
        };
        DynValue::node(&Self::CLASSES[index], fields, None)
    }

    fn from_dynamic(value: DynValue) -> Result<Self, ConversionError> {
        let node = value.into_node("mod")?;
        let name = node.class.name;
        let mut fields = NodeReader::new(node);
        Ok(match name {
            "Module" => Mod::Module { body: fields.next("body")?, type_ignores: fields.next("type_ignores")? },
            "Interactive" => Mod::Interactive { body: fields.next("body")? },
            "Expression" => Mod::Expression { body: fields.next("body")? },
            "FunctionType" => {
                Mod::FunctionType { argtypes: fields.next("argtypes")?, returns: fields.next("returns")? }
            }
            _ => {
                return Err(ConversionError::WrongType { expected: "mod", node: Some(name) });
            }
        })
    }
}

sum! {
    /// A statement.
    Stmt StmtKind = "stmt" {
        FunctionDef {
            name: Identifier,
            args: Box<Arguments>,
            body: Vec<Stmt>,
            decorator_list: Vec<Expr>,
            returns: Option<Box<Expr>>,
            type_comment: Option<TypeComment>,
            type_params: Vec<TypeParam>,
        }
        AsyncFunctionDef {
            name: Identifier,
            args: Box<Arguments>,
            body: Vec<Stmt>,
            decorator_list: Vec<Expr>,
            returns: Option<Box<Expr>>,
            type_comment: Option<TypeComment>,
            type_params: Vec<TypeParam>,
        }
        ClassDef {
            name: Identifier,
            bases: Vec<Expr>,
            keywords: Vec<Keyword>,
            body: Vec<Stmt>,
            decorator_list: Vec<Expr>,
            type_params: Vec<TypeParam>,
        }
        Return { value: Option<Box<Expr>> }
        Delete { targets: Vec<Expr> }
        Assign { targets: Vec<Expr>, value: Box<Expr>, type_comment: Option<TypeComment> }
        TypeAlias { name: Box<Expr>, type_params: Vec<TypeParam>, value: Box<Expr> }
        AugAssign { target: Box<Expr>, op: Operator, value: Box<Expr> }
        AnnAssign {
            target: Box<Expr>,
            annotation: Box<Expr>,
            value: Option<Box<Expr>>,
            simple: i64,
        }
        For {
            target: Box<Expr>,
            iter: Box<Expr>,
            body: Vec<Stmt>,
            orelse: Vec<Stmt>,
            type_comment: Option<TypeComment>,
        }
        AsyncFor {
            target: Box<Expr>,
            iter: Box<Expr>,
            body: Vec<Stmt>,
            orelse: Vec<Stmt>,
            type_comment: Option<TypeComment>,
        }
        While { test: Box<Expr>, body: Vec<Stmt>, orelse: Vec<Stmt> }
        If { test: Box<Expr>, body: Vec<Stmt>, orelse: Vec<Stmt> }
        With { items: Vec<WithItem>, body: Vec<Stmt>, type_comment: Option<TypeComment> }
        AsyncWith { items: Vec<WithItem>, body: Vec<Stmt>, type_comment: Option<TypeComment> }
        Match { subject: Box<Expr>, cases: Vec<MatchCase> }
        Raise { exc: Option<Box<Expr>>, cause: Option<Box<Expr>> }
        Try {
            body: Vec<Stmt>,
            handlers: Vec<ExceptHandler>,
            orelse: Vec<Stmt>,
            finalbody: Vec<Stmt>,
        }
        TryStar {
            body: Vec<Stmt>,
            handlers: Vec<ExceptHandler>,
            orelse: Vec<Stmt>,
            finalbody: Vec<Stmt>,
        }
        Assert { test: Box<Expr>, msg: Option<Box<Expr>> }
        Import { names: Vec<Alias> }
        ImportFrom { module: Option<Identifier>, names: Vec<Alias>, level: Option<i64> }
        Global { names: Vec<Identifier> }
        Nonlocal { names: Vec<Identifier> }
        Expr { value: Box<Expr> }
        Pass {}
        Break {}
        Continue {}
    }
}

sum! {
    /// An expression.
    Expr ExprKind = "expr" {
        BoolOp { op: BoolOp, values: Vec<Expr> }
        NamedExpr { target: Box<Expr>, value: Box<Expr> }
        BinOp { left: Box<Expr>, op: Operator, right: Box<Expr> }
        UnaryOp { op: UnaryOp, operand: Box<Expr> }
        Lambda { args: Box<Arguments>, body: Box<Expr> }
        IfExp { test: Box<Expr>, body: Box<Expr>, orelse: Box<Expr> }
        Dict { keys: Vec<Option<Expr>>, values: Vec<Expr> }
        Set { elts: Vec<Expr> }
        ListComp { elt: Box<Expr>, generators: Vec<Comprehension> }
        SetComp { elt: Box<Expr>, generators: Vec<Comprehension> }
        DictComp { key: Box<Expr>, value: Box<Expr>, generators: Vec<Comprehension> }
        GeneratorExp { elt: Box<Expr>, generators: Vec<Comprehension> }
        Await { value: Box<Expr> }
        Yield { value: Option<Box<Expr>> }
        YieldFrom { value: Box<Expr> }
        Compare { left: Box<Expr>, ops: Vec<CmpOp>, comparators: Vec<Expr> }
        Call { func: Box<Expr>, args: Vec<Expr>, keywords: Vec<Keyword> }
        FormattedValue { value: Box<Expr>, conversion: i64, format_spec: Option<Box<Expr>> }
        Interpolation {
            value: Box<Expr>,
            str: Constant,
            conversion: i64,
            format_spec: Option<Box<Expr>>,
        }
        JoinedStr { values: Vec<Expr> }
        TemplateStr { values: Vec<Expr> }
        Constant { value: Constant, kind: Option<TypeComment> }
        Attribute { value: Box<Expr>, attr: Identifier, ctx: ExprContext }
        Subscript { value: Box<Expr>, slice: Box<Expr>, ctx: ExprContext }
        Starred { value: Box<Expr>, ctx: ExprContext }
        Name { id: Identifier, ctx: ExprContext }
        List { elts: Vec<Expr>, ctx: ExprContext }
        Tuple { elts: Vec<Expr>, ctx: ExprContext }
        Slice { lower: Option<Box<Expr>>, upper: Option<Box<Expr>>, step: Option<Box<Expr>> }
    }
}

sum! {
    /// An `except` clause.
    ExceptHandler ExceptHandlerKind = "excepthandler" {
        ExceptHandler {
            type_: Option<Box<Expr>>,
            name: Option<Identifier>,
            body: Vec<Stmt>,
        }
    }
}

sum! {
    /// A pattern of a `case` block.
    Pattern PatternKind = "pattern" {
        MatchValue { value: Box<Expr> }
        MatchSingleton { value: Constant }
        MatchSequence { patterns: Vec<Pattern> }
        MatchMapping { keys: Vec<Expr>, patterns: Vec<Pattern>, rest: Option<Identifier> }
        MatchClass {
            cls: Box<Expr>,
            patterns: Vec<Pattern>,
            kwd_attrs: Vec<Identifier>,
            kwd_patterns: Vec<Pattern>,
        }
        MatchStar { name: Option<Identifier> }
        MatchAs { pattern: Option<Box<Pattern>>, name: Option<Identifier> }
        MatchOr { patterns: Vec<Pattern> }
    }
}

sum! {
    /// A type parameter.
    TypeParam TypeParamKind = "type_param" {
        TypeVar {
            name: Identifier,
            bound: Option<Box<Expr>>,
            default_value: Option<Box<Expr>>,
        }
        ParamSpec { name: Identifier, default_value: Option<Box<Expr>> }
        TypeVarTuple { name: Identifier, default_value: Option<Box<Expr>> }
    }
}

simple_sum! {
    /// What happens to a name.
    ExprContext = "expr_context" { Load, Store, Del }
}

simple_sum! {
    /// `and`, `or`.
    BoolOp = "boolop" { And, Or }
}

simple_sum! {
    /// A binary operator.
    Operator = "operator" {
        Add, Sub, Mult, MatMult, Div, Mod, Pow, LShift, RShift, BitOr, BitXor, BitAnd, FloorDiv,
    }
}

simple_sum! {
    /// A unary operator.
    UnaryOp = "unaryop" { Invert, Not, UAdd, USub }
}

simple_sum! {
    /// A comparison operator.
    CmpOp = "cmpop" { Eq, NotEq, Lt, LtE, Gt, GtE, Is, IsNot, In, NotIn }
}

product! {
    /// One `for` of a comprehension.
    Comprehension = "comprehension" bare {
        target: Expr,
        iter: Expr,
        ifs: Vec<Expr>,
        is_async: i64,
    }
}

product! {
    /// The parameters of a function.
    Arguments = "arguments" bare {
        posonlyargs: Vec<Arg>,
        args: Vec<Arg>,
        vararg: Option<Box<Arg>>,
        kwonlyargs: Vec<Arg>,
        kw_defaults: Vec<Option<Expr>>,
        kwarg: Option<Box<Arg>>,
        defaults: Vec<Expr>,
    }
}

product! {
    /// One parameter.
    Arg = "arg" located {
        arg: Identifier,
        annotation: Option<Box<Expr>>,
        type_comment: Option<TypeComment>,
    } location
}

product! {
    /// A keyword argument; without a name, `**value`.
    Keyword = "keyword" located {
        arg: Option<Identifier>,
        value: Expr,
    } location
}

product! {
    /// An imported name.
    Alias = "alias" located {
        name: Identifier,
        asname: Option<Identifier>,
    } location
}

product! {
    /// One context manager of a `with` statement.
    WithItem = "withitem" bare {
        context_expr: Expr,
        optional_vars: Option<Box<Expr>>,
    }
}

product! {
    /// A `case` block.
    MatchCase = "match_case" bare {
        pattern: Pattern,
        guard: Option<Box<Expr>>,
        body: Vec<Stmt>,
    }
}

/// A `# type: ignore` comment.
#[derive(Clone, Debug)]
pub struct TypeIgnore {
    pub lineno: i64,
    pub tag: WStr,
}

impl TypeIgnore {
    /// The description of this class.
    pub const CLASS: &'static NodeClass = &NodeClass {
        name: "TypeIgnore",
        base: "type_ignore",
        fields: mod_fields!("lineno": "int" One, "tag": "string" One),
        located: false,
    };
}

impl AstField for TypeIgnore {
    const TYPE: &'static str = "type_ignore";

    fn to_dynamic(&self) -> DynValue {
        let fields = vec![self.lineno.to_dynamic(), DynValue::Text(self.tag.clone())];
        DynValue::node(Self::CLASS, fields, None)
    }

    fn from_dynamic(value: DynValue) -> Result<Self, ConversionError> {
        let mut fields = NodeReader::new(value.into_node("type_ignore")?);
        Ok(TypeIgnore { lineno: fields.next("lineno")?, tag: fields.next::<TypeComment>("tag")?.0 })
    }
}

/// A string attribute of a node: a type comment, or the `u` of a constant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TypeComment(pub WStr);

/// All concrete classes, in the order of the grammar.
pub fn node_classes() -> impl Iterator<Item = &'static NodeClass> {
    let products = [
        Comprehension::CLASS,
        Arguments::CLASS,
        Arg::CLASS,
        Keyword::CLASS,
        Alias::CLASS,
        WithItem::CLASS,
        MatchCase::CLASS,
    ];
    let sums = [
        Mod::CLASSES,
        Stmt::CLASSES,
        Expr::CLASSES,
        ExprContext::CLASSES,
        BoolOp::CLASSES,
        Operator::CLASSES,
        UnaryOp::CLASSES,
        CmpOp::CLASSES,
        ExceptHandler::CLASSES,
        Pattern::CLASSES,
        TypeParam::CLASSES,
    ];
    sums.into_iter().flatten().chain(products).chain([TypeIgnore::CLASS])
}

impl Expr {
    /// A node.
    pub fn new(kind: ExprKind, location: Location) -> Expr {
        Expr { kind, location }
    }
}

impl Stmt {
    /// A node.
    pub fn new(kind: StmtKind, location: Location) -> Stmt {
        Stmt { kind, location }
    }
}

impl Location {
    /// From the start of this location to the end of the other.
    pub fn to(self, end: Location) -> Location {
        Location { end_lineno: end.end_lineno, end_col_offset: end.end_col_offset, ..self }
    }
}

impl DynNode {
    /// The value of the field with this name.
    pub fn field(&self, name: &str) -> Option<&DynValue> {
        let index = self.class.fields.iter().position(|field| field.name == name)?;
        self.fields.get(index)
    }
}
