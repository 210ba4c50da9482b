//! Syntax trees as Python objects: `compile(..., PyCF_ONLY_AST)`.

use pyrs_compiler::ast::Mod;
use pyrs_parser::{AstField, DynNode, DynValue};
use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::code::constant_object;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::attr;

/// The nodes of a tree as instances of the classes in `_ast`.
pub fn to_objects(tree: &Mod) -> PyResult<Obj> {
    let classes = crate::core::import::import_module("_ast")?;
    object_of(&classes, &tree.to_dynamic())
}

fn object_of(classes: &Obj, value: &DynValue) -> PyResult<Obj> {
    Ok(match value {
        DynValue::None => none(),
        DynValue::Text(text) => Str::intern_ptr(Str::from_wstr(text)).into(),
        DynValue::Int(n) => int::new(*n),
        DynValue::Constant(constant) => constant_object(constant),
        DynValue::List(items) => {
            List::from_vec(items.iter().map(|i| object_of(classes, i)).collect::<PyResult<Vec<_>>>()?).into()
        }
        DynValue::Node(node) => {
            pyrs_runtime::thread::with_recursion(" during ast construction", || node_object(classes, node))?
        }
    })
}

fn node_object(classes: &Obj, node: &DynNode) -> PyResult<Obj> {
    // All fields are set below: the constructor would only complain of missing ones.
    let class = attr::getattr_text(classes, node.class.name)?;
    let object = call::call_method(&class, "__new__", std::slice::from_ref(&class))?;
    for (field, value) in node.class.fields.iter().zip(&node.fields) {
        attr::setattr_text(&object, field.name, &object_of(classes, value)?)?;
    }
    if let Some(l) = &node.location {
        for (name, value) in [
            ("lineno", l.lineno),
            ("col_offset", l.col_offset),
            ("end_lineno", l.end_lineno),
            ("end_col_offset", l.end_col_offset),
        ] {
            attr::setattr_text(&object, name, &int::new(value as i64))?;
        }
    }
    Ok(object)
}
