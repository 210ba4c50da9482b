//! The tree as generic nodes: what the Python-visible `_ast` module reads and builds.

use pyrs_bytecode::{Constant, WStr};

use crate::ast::{Location, NodeClass, TypeComment};

/// How often a field's value occurs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Multiplicity {
    One,
    /// `?` in the grammar.
    Optional,
    /// `*` in the grammar.
    Many,
    /// `?*` in the grammar: a list with gaps.
    ManyOptional,
}

/// A generic node: its class, its fields in the order of the class, its location.
#[derive(Clone, Debug)]
pub struct DynNode {
    pub class: &'static NodeClass,
    pub fields: Vec<DynValue>,
    pub location: Option<Location>,
}

/// The value of a field.
#[derive(Clone, Debug)]
pub enum DynValue {
    /// An absent optional.
    None,
    Text(WStr),
    Int(i64),
    Constant(Constant),
    Node(Box<DynNode>),
    List(Vec<DynValue>),
}

/// Why a generic tree is no valid tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConversionError {
    /// A required field is `None` or absent.
    Missing { class: &'static str, field: &'static str },
    /// A value of another type.
    WrongType { expected: &'static str, node: Option<&'static str> },
}

impl std::fmt::Display for ConversionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ConversionError::Missing { class, field } => {
                write!(f, "required field \"{field}\" missing from {class}")
            }
            ConversionError::WrongType { expected, node } => {
                write!(f, "expected some sort of {expected}, but got {}", node.unwrap_or("?"))
            }
        }
    }
}

impl DynValue {
    /// A node value.
    pub fn node(class: &'static NodeClass, fields: Vec<DynValue>, location: Option<Location>) -> DynValue {
        DynValue::Node(Box::new(DynNode { class, fields, location }))
    }

    /// The node, or an error that names what was expected.
    pub fn into_node(self, expected: &'static str) -> Result<DynNode, ConversionError> {
        match self {
            DynValue::Node(node) => Ok(*node),
            _ => Err(ConversionError::WrongType { expected, node: None }),
        }
    }
}

/// Reads a node's fields one after the other.
pub struct NodeReader {
    class: &'static str,
    fields: std::vec::IntoIter<DynValue>,
}

impl NodeReader {
    /// A reader at the first field.
    pub fn new(node: DynNode) -> NodeReader {
        NodeReader { class: node.class.name, fields: node.fields.into_iter() }
    }

    /// The next field, converted.
    pub fn next<T: AstField>(&mut self, field: &'static str) -> Result<T, ConversionError> {
        let value = self.fields.next().unwrap_or(DynValue::None);
        let required = T::MULTIPLICITY == Multiplicity::One && T::TYPE != "constant";
        if required && matches!(value, DynValue::None) {
            return Err(ConversionError::Missing { class: self.class, field });
        }
        T::from_dynamic(value)
    }
}

/// A type that can stand in a field of a node.
pub trait AstField: Sized {
    /// The ASDL type.
    const TYPE: &'static str;
    /// How often a value occurs.
    const MULTIPLICITY: Multiplicity = Multiplicity::One;

    /// The generic form.
    fn to_dynamic(&self) -> DynValue;

    /// Reads the generic form.
    fn from_dynamic(value: DynValue) -> Result<Self, ConversionError>;
}

/// Runs a recursive step with enough native stack.
pub fn with_stack<T>(step: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(64 * 1024, 4 * 1024 * 1024, step)
}

impl AstField for WStr {
    const TYPE: &'static str = "identifier";

    fn to_dynamic(&self) -> DynValue {
        DynValue::Text(self.clone())
    }

    fn from_dynamic(value: DynValue) -> Result<Self, ConversionError> {
        match value {
            DynValue::Text(text) => Ok(text),
            _ => Err(ConversionError::WrongType { expected: "identifier", node: None }),
        }
    }
}

impl AstField for TypeComment {
    const TYPE: &'static str = "string";

    fn to_dynamic(&self) -> DynValue {
        DynValue::Text(self.0.clone())
    }

    fn from_dynamic(value: DynValue) -> Result<Self, ConversionError> {
        match value {
            DynValue::Text(text) => Ok(TypeComment(text)),
            _ => Err(ConversionError::WrongType { expected: "string", node: None }),
        }
    }
}

impl AstField for i64 {
    const TYPE: &'static str = "int";

    fn to_dynamic(&self) -> DynValue {
        DynValue::Int(*self)
    }

    fn from_dynamic(value: DynValue) -> Result<Self, ConversionError> {
        match value {
            DynValue::Int(number) => Ok(number),
            _ => Err(ConversionError::WrongType { expected: "int", node: None }),
        }
    }
}

impl AstField for Constant {
    const TYPE: &'static str = "constant";

    fn to_dynamic(&self) -> DynValue {
        DynValue::Constant(self.clone())
    }

    fn from_dynamic(value: DynValue) -> Result<Self, ConversionError> {
        match value {
            DynValue::Constant(constant) => Ok(constant),
            DynValue::None => Ok(Constant::None),
            DynValue::Text(text) => Ok(Constant::Str(text)),
            DynValue::Int(number) => Ok(Constant::Int(number)),
            _ => Err(ConversionError::WrongType { expected: "constant", node: None }),
        }
    }
}

impl<T: AstField> AstField for Box<T> {
    const TYPE: &'static str = T::TYPE;
    const MULTIPLICITY: Multiplicity = T::MULTIPLICITY;

    fn to_dynamic(&self) -> DynValue {
        (**self).to_dynamic()
    }

    fn from_dynamic(value: DynValue) -> Result<Self, ConversionError> {
        T::from_dynamic(value).map(Box::new)
    }
}

impl<T: AstField> AstField for Option<T> {
    const TYPE: &'static str = T::TYPE;
    const MULTIPLICITY: Multiplicity = Multiplicity::Optional;

    fn to_dynamic(&self) -> DynValue {
        self.as_ref().map_or(DynValue::None, T::to_dynamic)
    }

    fn from_dynamic(value: DynValue) -> Result<Self, ConversionError> {
        match value {
            DynValue::None => Ok(None),
            other => T::from_dynamic(other).map(Some),
        }
    }
}

impl<T: AstField> AstField for Vec<T> {
    const TYPE: &'static str = T::TYPE;
    const MULTIPLICITY: Multiplicity = match T::MULTIPLICITY {
        Multiplicity::Optional => Multiplicity::ManyOptional,
        _ => Multiplicity::Many,
    };

    fn to_dynamic(&self) -> DynValue {
        DynValue::List(self.iter().map(T::to_dynamic).collect())
    }

    fn from_dynamic(value: DynValue) -> Result<Self, ConversionError> {
        match value {
            DynValue::List(items) => items.into_iter().map(T::from_dynamic).collect(),
            DynValue::None => Ok(Vec::new()),
            _ => Err(ConversionError::WrongType { expected: "list", node: None }),
        }
    }
}
