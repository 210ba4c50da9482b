//! `_types`: the classes that `types` names.

use pyrs_macros::pymodule;

/// Names for built-in classes that are no builtins.
#[pymodule(name = "_types")]
pub mod types {
    use pyrs_runtime::PyClass;
    use pyrs_runtime::errors::PyResult;
    use pyrs_runtime::object::Object;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::{
        builtin_function, cell, code, descriptor, function, generic_alias, mapping_proxy, method, simple_namespace,
        singletons, traceback, union_type,
    };
    use pyrs_runtime::types::slot_wrapper::{MethodWrapper, SlotWrapper};

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        let classes = [
            ("AsyncGeneratorType", pyrs_interp::async_generator::AsyncGenerator::class()),
            ("BuiltinFunctionType", builtin_function::BuiltinFunction::class()),
            ("BuiltinMethodType", builtin_function::BuiltinFunction::class()),
            ("CellType", cell::Cell::class()),
            ("ClassMethodDescriptorType", builtin_function::ClassMethodDescriptor::class()),
            ("CodeType", code::Code::class()),
            ("CoroutineType", pyrs_interp::generator::Coroutine::class()),
            ("EllipsisType", singletons::EllipsisType::class()),
            ("FrameType", pyrs_interp::frame_object::FrameObject::class()),
            ("FunctionType", function::Function::class()),
            ("GeneratorType", pyrs_interp::generator::Generator::class()),
            ("GenericAlias", generic_alias::GenericAlias::class()),
            ("GetSetDescriptorType", descriptor::GetSetDescriptor::class()),
            ("LambdaType", function::Function::class()),
            ("MappingProxyType", mapping_proxy::MappingProxy::class()),
            ("MemberDescriptorType", descriptor::MemberDescriptor::class()),
            ("MethodDescriptorType", builtin_function::MethodDescriptor::class()),
            ("MethodType", method::Method::class()),
            ("MethodWrapperType", MethodWrapper::class()),
            ("ModuleType", Module::class()),
            ("NoneType", singletons::NoneType::class()),
            ("NotImplementedType", singletons::NotImplementedType::class()),
            ("SimpleNamespace", simple_namespace::SimpleNamespace::class()),
            ("TracebackType", traceback::Traceback::class()),
            ("UnionType", union_type::Union::class()),
            ("WrapperDescriptorType", SlotWrapper::class()),
        ];
        for (name, class) in classes {
            module.add(name, class.to_obj());
        }
        pyrs_runtime::types::ready(super::Capsule::def());
        module.add("CapsuleType", super::Capsule::class().to_obj());
        Ok(())
    }
}

/// Holds a pointer of an extension module under a name; Python code cannot look inside.
#[pyrs_macros::pyclass(name = "PyCapsule", nogc, flags = DISALLOW_INSTANTIATION)]
pub struct Capsule {
    name: &'static str,
}

impl Capsule {
    pub fn new(name: &'static str) -> pyrs_runtime::Obj {
        pyrs_runtime::types::ready(Capsule::def());
        pyrs_runtime::object::Ptr::new(Capsule { name }).into()
    }
}

#[pyrs_macros::pymethods]
impl Capsule {
    #[slot(repr)]
    fn repr(this: &pyrs_runtime::Object<Capsule>) -> pyrs_runtime::PyResult<pyrs_runtime::Obj> {
        let text = format!("<capsule object \"{}\" at {:#x}>", this.name, this.as_obj().id());
        Ok(pyrs_runtime::objects::str::Str::new(&text).into())
    }
}
