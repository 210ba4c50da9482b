//! Trees of `ast` objects back to trees that can be compiled: `compile(tree, ...)`.
//!
//! Everything that objects can get wrong is found here, so that the conversion to typed nodes cannot fail.

use pyrs_bytecode::Constant;
use pyrs_compiler::ast::{Location, Mod, NodeClass, node_classes};
use pyrs_parser::{AstField, DynNode, DynValue, Multiplicity};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::singletons;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::{bytes, complex, float, int, set};
use pyrs_runtime::protocols::{attr, text};
use pyrs_runtime::{raise, thread};

/// Abstract node classes that have one concrete class for each of their alternatives.
const SUMS: [&str; 13] = [
    "mod",
    "stmt",
    "expr",
    "expr_context",
    "boolop",
    "operator",
    "unaryop",
    "cmpop",
    "excepthandler",
    "type_ignore",
    "pattern",
    "type_param",
    "AST",
];

/// Those whose nodes have no fields.
const SIMPLE: [&str; 5] = ["expr_context", "boolop", "operator", "unaryop", "cmpop"];

/// True for instances of `ast.AST`.
pub fn is_tree(obj: &Obj) -> PyResult<bool> {
    if !obj.class().is_heap_type() {
        return Ok(false);
    }
    let classes = crate::core::import::import_module("_ast")?;
    attr::real_is_instance(obj, &attr::getattr_text(&classes, "AST")?)
}

/// Reads a whole tree; `wanted` is the class that the mode of `compile` asks for.
pub fn module_of(obj: &Obj, wanted: &'static str) -> PyResult<Mod> {
    let reader = Reader { classes: crate::core::import::import_module("_ast")? };
    if !attr::real_is_instance(obj, &attr::getattr_text(&reader.classes, wanted)?)? {
        return Err(raise!(TypeError, "expected {wanted} node, got {}", obj.class().short_name()));
    }
    let tree = reader.node(obj, "mod")?;
    Mod::from_dynamic(tree).map_err(|error| raise!(TypeError, "{error}"))
}

struct Reader {
    classes: Obj,
}

impl Reader {
    /// The concrete class of a node of type `asdl`.
    fn class_of(&self, obj: &Obj, asdl: &str) -> PyResult<&'static NodeClass> {
        let is_sum = SUMS.contains(&asdl);
        for class in node_classes() {
            let fits = if is_sum { class.base == asdl } else { class.name == asdl };
            if fits && (!is_sum || attr::real_is_instance(obj, &attr::getattr_text(&self.classes, class.name)?)?) {
                return Ok(class);
            }
        }
        Err(raise!(TypeError, "expected some sort of {asdl}, but got {}", text::repr_text(obj)?))
    }

    fn node(&self, obj: &Obj, asdl: &'static str) -> PyResult<DynValue> {
        thread::with_recursion(&format!(" while traversing '{asdl}' node"), || self.node_inner(obj, asdl))
    }

    fn node_inner(&self, obj: &Obj, asdl: &'static str) -> PyResult<DynValue> {
        if obj.is_none() && !SIMPLE.contains(&asdl) {
            return Ok(DynValue::None);
        }
        let class = self.class_of(obj, asdl)?;
        let mut fields = Vec::with_capacity(class.fields.len());
        for field in class.fields {
            let value = attr::getattr_optional(obj, &Str::intern(field.name))?;
            fields.push(self.field(class, field.name, field.asdl_type, field.multiplicity, value)?);
        }
        let location = if class.located { Some(self.location(obj, class, asdl)?) } else { None };
        Ok(DynValue::Node(Box::new(DynNode { class, fields, location })))
    }

    fn field(
        &self,
        class: &'static NodeClass,
        name: &'static str,
        asdl: &'static str,
        multiplicity: Multiplicity,
        value: Option<Obj>,
    ) -> PyResult<DynValue> {
        match multiplicity {
            Multiplicity::Optional => match value.filter(|v| !v.is_none()) {
                Some(value) => self.value(&value, asdl),
                None => Ok(DynValue::None),
            },
            Multiplicity::Many | Multiplicity::ManyOptional => {
                let Some(value) = value else { return Ok(DynValue::List(Vec::new())) };
                let Some(list) = value.downcast::<List>() else {
                    let (class, got) = (class.name, value.class().short_name());
                    return Err(raise!(TypeError, "{class} field \"{name}\" must be a list, not a {got}"));
                };
                let mut items = Vec::new();
                let length = list.len();
                for i in 0..length {
                    let Some(item) = list.get(i).filter(|_| list.len() == length) else {
                        let class = class.name;
                        return Err(raise!(RuntimeError, "{class} field \"{name}\" changed size during iteration"));
                    };
                    let read = self.value(&item, asdl)?;
                    if matches!(read, DynValue::None) && multiplicity == Multiplicity::Many {
                        let kind = match asdl {
                            "stmt" => "statement",
                            "expr" => "expression",
                            other => other,
                        };
                        return Err(raise!(ValueError, "None disallowed in {kind} list"));
                    }
                    items.push(read);
                }
                Ok(DynValue::List(items))
            }
            Multiplicity::One => {
                let Some(value) = value else {
                    return Err(raise!(TypeError, "required field \"{name}\" missing from {}", class.name));
                };
                let read = self.value(&value, asdl)?;
                if matches!(read, DynValue::None) && asdl != "constant" {
                    return Err(raise!(ValueError, "field '{name}' is required for {}", class.name));
                }
                Ok(read)
            }
        }
    }

    fn value(&self, obj: &Obj, asdl: &'static str) -> PyResult<DynValue> {
        match asdl {
            "identifier" | "string" => {
                if obj.is_none() {
                    return Ok(DynValue::None);
                }
                match obj.exact::<Str>() {
                    Some(text) => Ok(DynValue::Text(text.to_wstr())),
                    None => Err(raise!(TypeError, "AST {asdl} must be of type str")),
                }
            }
            "int" => integer(obj).map(|n| DynValue::Int(n as i64)),
            "constant" => constant(obj).map(DynValue::Constant),
            _ => self.node(obj, asdl),
        }
    }

    fn location(&self, obj: &Obj, class: &NodeClass, asdl: &str) -> PyResult<Location> {
        let shown = if SUMS.contains(&asdl) { asdl } else { class.name };
        let get = |name: &str| attr::getattr_optional(obj, &Str::intern(name));
        let required = |name: &str| -> PyResult<i32> {
            match get(name)? {
                Some(value) => integer(&value),
                None => Err(raise!(TypeError, "required field \"{name}\" missing from {shown}")),
            }
        };
        let (lineno, col_offset) = (required("lineno")?, required("col_offset")?);
        let optional = |name: &str, default: i32| -> PyResult<i32> {
            match get(name)?.filter(|v| !v.is_none()) {
                Some(value) => integer(&value),
                None => Ok(default),
            }
        };
        let end_lineno = optional("end_lineno", lineno)?;
        let end_col_offset = optional("end_col_offset", col_offset)?;
        Ok(Location { lineno, col_offset, end_lineno, end_col_offset })
    }
}

fn integer(obj: &Obj) -> PyResult<i32> {
    if !int::is_int(obj) {
        return Err(raise!(ValueError, "invalid integer value: {}", text::repr_text(obj)?));
    }
    let number = int::to_i64(obj).and_then(|n| i32::try_from(n).ok());
    number.ok_or_else(|| raise!(OverflowError, "Python int too large to convert to C int"))
}

/// A value that can be a constant of source code.
pub fn constant(obj: &Obj) -> PyResult<Constant> {
    if obj.is_none() {
        return Ok(Constant::None);
    }
    if let Some(b) = singletons::as_bool(obj) {
        return Ok(if b { Constant::True } else { Constant::False });
    }
    if obj.is(&singletons::ellipsis()) {
        return Ok(Constant::Ellipsis);
    }
    if int::is_exact(obj) {
        return Ok(match int::to_i64(obj) {
            Some(n) => Constant::Int(n),
            None => Constant::BigInt(int::to_bigint(obj).expect("an int")),
        });
    }
    if float::is_exact(obj) {
        return Ok(Constant::Float(float::view(obj).expect("a float")));
    }
    if let Some(z) = obj.exact::<complex::Complex>() {
        return Ok(Constant::Complex { real: z.re, imag: z.im });
    }
    if let Some(text) = obj.exact::<Str>() {
        return Ok(Constant::Str(text.to_wstr()));
    }
    if let Some(data) = obj.exact::<bytes::Bytes>() {
        return Ok(Constant::Bytes(data.as_slice().to_vec()));
    }
    let nested = |items: &[Obj]| {
        thread::with_recursion(" during compilation", || items.iter().map(constant).collect::<PyResult<Vec<_>>>())
    };
    if let Some(tuple) = obj.exact::<Tuple>() {
        return nested(tuple.items()).map(Constant::Tuple);
    }
    if let Some(set) = obj.exact::<set::FrozenSet>() {
        return nested(&set::as_set(&set.as_obj()).expect("a set").keys()).map(Constant::FrozenSet);
    }
    Err(raise!(TypeError, "got an invalid type in Constant: {}", obj.class().short_name()))
}
