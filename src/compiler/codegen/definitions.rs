//! Functions, classes, type aliases and type parameters.

use std::sync::Arc;

use pyrs_bytecode::{AnyOpcode as Op, CodeObject, Constant, Intrinsic1, Intrinsic2, WStr, function_attribute};
use pyrs_parser::ast::{Arguments, Expr, ExprKind, Stmt, StmtKind, TypeParam, TypeParamKind};

use super::{Compiler, clean_doc};
use crate::errors::{Compiled, system_error};
use crate::instruction::Loc;
use crate::preprocess::body_docstring;
use crate::symtable::{BlockKey, BlockRole};
use crate::unit::{ArgCounts, FrameBlockData, FrameBlockKind, UnitKind};

/// The attributes that come after `MAKE_FUNCTION`, in this order.
const ATTRIBUTES: [u32; 5] = [
    function_attribute::CLOSURE,
    function_attribute::ANNOTATIONS,
    function_attribute::ANNOTATE,
    function_attribute::KWDEFAULTS,
    function_attribute::DEFAULTS,
];

fn generic_name(name: &WStr) -> WStr {
    WStr::from("<generic parameters of ").concat(name).concat(&WStr::from(">"))
}

pub(super) fn arg_counts(args: &Arguments) -> ArgCounts {
    ArgCounts { args: args.args.len(), posonly: args.posonlyargs.len(), kwonly: args.kwonlyargs.len() }
}

impl<'a> Compiler<'a, '_> {
    /// Makes a function of a code object; what its attributes need is on the stack.
    pub(super) fn make_closure(&mut self, code: Arc<CodeObject>, attributes: u32, loc: Loc) -> Compiled<()> {
        let mut attributes = attributes;
        let freevars = code.freevars();
        if !freevars.is_empty() {
            for name in &freevars {
                let number = self.closure_number(name)?;
                self.op_arg(Op::LoadClosure, number, loc);
            }
            attributes |= function_attribute::CLOSURE;
            self.op_arg(Op::BuildTuple, freevars.len(), loc);
        }
        self.load_const(Constant::Code(code), loc);
        self.op(Op::MakeFunction, loc);
        for attribute in ATTRIBUTES {
            if attributes & attribute != 0 {
                self.op_arg(Op::SetFunctionAttribute, attribute as usize, loc);
            }
        }
        Ok(())
    }

    fn apply_decorators(&mut self, decorators: &'a [Expr]) {
        for decorator in decorators.iter().rev() {
            self.op_arg(Op::Call, 0, decorator.location.into());
        }
    }

    /// Pushes the defaults, and tells which attributes they are.
    pub(super) fn default_arguments(&mut self, args: &'a Arguments, loc: Loc) -> Compiled<u32> {
        let mut attributes = 0;
        if !args.defaults.is_empty() {
            self.exprs(&args.defaults)?;
            self.op_arg(Op::BuildTuple, args.defaults.len(), loc);
            attributes |= function_attribute::DEFAULTS;
        }
        let mut count = 0;
        for (arg, default) in args.kwonlyargs.iter().zip(&args.kw_defaults) {
            if let Some(default) = default {
                let name = self.maybe_mangle(&arg.arg);
                self.load_const(Constant::Str(name), loc);
                self.expr(default)?;
                count += 1;
            }
        }
        if count > 0 {
            self.op_arg(Op::BuildMap, count, loc);
            attributes |= function_attribute::KWDEFAULTS;
        }
        Ok(attributes)
    }

    pub(super) fn function(&mut self, stmt: &'a Stmt) -> Compiled<()> {
        let (StmtKind::FunctionDef { name, args, decorator_list, returns, type_params, .. }
        | StmtKind::AsyncFunctionDef { name, args, decorator_list, returns, type_params, .. }) = &stmt.kind
        else {
            return Ok(());
        };
        self.exprs(decorator_list)?;
        let first_line = decorator_list.first().map_or(stmt.location.lineno, |d| d.location.lineno);
        let loc = Loc::from(stmt.location);
        let mut attributes = self.default_arguments(args, loc)?;
        let generic = !type_params.is_empty();
        let mut passed = 0;
        if generic {
            passed = [function_attribute::DEFAULTS, function_attribute::KWDEFAULTS]
                .iter()
                .filter(|attribute| attributes & **attribute != 0)
                .count();
            if passed == 2 {
                self.op_arg(Op::Swap, 2, loc);
            }
            let key = BlockKey::new(type_params, BlockRole::TypeParams);
            let counts = ArgCounts { args: passed, ..ArgCounts::default() };
            let kind = UnitKind::Annotations;
            self.enter_scope(generic_name(name), kind, key, first_line, None, counts)?;
            self.type_params(type_params)?;
            for index in 0..passed {
                self.op_arg(Op::LoadFast, index, loc);
            }
        }
        attributes |= self.function_annotations(args, returns.as_deref(), loc)?;
        self.function_body(stmt, attributes, first_line)?;
        if generic {
            self.op_arg(Op::Swap, 2, loc);
            let intrinsic = Intrinsic2::SetFunctionTypeParams as usize;
            self.op_arg(Op::CallIntrinsic2, intrinsic, loc);
            let code = self.assemble(false)?;
            self.exit_scope();
            self.make_closure(code, 0, loc)?;
            if passed > 0 {
                self.op_arg(Op::Swap, passed + 1, loc);
                self.op_arg(Op::Call, passed - 1, loc);
            } else {
                self.op(Op::PushNull, loc);
                self.op_arg(Op::Call, 0, loc);
            }
        }
        self.apply_decorators(decorator_list);
        self.store_name(name, loc)
    }

    fn function_body(&mut self, stmt: &'a Stmt, attributes: u32, first_line: i32) -> Compiled<()> {
        let (StmtKind::FunctionDef { name, args, body, .. } | StmtKind::AsyncFunctionDef { name, args, body, .. }) =
            &stmt.kind
        else {
            return Ok(());
        };
        let kind = match &stmt.kind {
            StmtKind::AsyncFunctionDef { .. } => UnitKind::AsyncFunction,
            _ => UnitKind::Function,
        };
        let key = BlockKey::new(stmt, BlockRole::Body);
        self.enter_scope(name.clone(), kind, key, first_line, None, arg_counts(args))?;
        let mut rest: &'a [Stmt] = body;
        if self.block().has_docstring {
            if let Some(text) = body_docstring(body) {
                let text = clean_doc(text);
                self.unit_mut().add_const(Constant::Str(text));
            }
            rest = &body[1..];
        }
        let start = self.new_label();
        self.use_label(start);
        let is_generator = self.block().coroutine || self.block().generator;
        if is_generator {
            let kind = FrameBlockKind::StopIteration;
            self.push_frame_block(kind, Some(start), None, Loc::NONE, FrameBlockData::Nothing)?;
        }
        self.stmts(rest)?;
        if is_generator {
            self.wrap_in_stop_iteration_handler();
            self.pop_frame_block();
        }
        let code = self.assemble(true)?;
        self.exit_scope();
        self.make_closure(code, attributes, stmt.location.into())
    }

    pub(super) fn lambda(&mut self, expr: &'a Expr, args: &'a Arguments, body: &'a Expr) -> Compiled<()> {
        let loc = Loc::from(expr.location);
        let attributes = self.default_arguments(args, loc)?;
        let key = BlockKey::new(expr, BlockRole::Body);
        let name = WStr::from("<lambda>");
        let line = expr.location.lineno;
        self.enter_scope(name, UnitKind::Lambda, key, line, None, arg_counts(args))?;
        self.expr(body)?;
        let code = if self.block().generator {
            self.assemble(false)?
        } else {
            self.op(Op::ReturnValue, body.location.into());
            self.assemble(true)?
        };
        self.exit_scope();
        self.make_closure(code, attributes, loc)
    }

    pub(super) fn class(&mut self, stmt: &'a Stmt) -> Compiled<()> {
        let StmtKind::ClassDef { name, bases, keywords, decorator_list, type_params, .. } = &stmt.kind else {
            return Ok(());
        };
        self.exprs(decorator_list)?;
        let first_line = decorator_list.first().map_or(stmt.location.lineno, |d| d.location.lineno);
        let loc = Loc::from(stmt.location);
        let hidden_params = WStr::from(".type_params");
        let hidden_base = WStr::from(".generic_base");
        let generic = !type_params.is_empty();
        if generic {
            let key = BlockKey::new(type_params, BlockRole::TypeParams);
            let (kind, private) = (UnitKind::Annotations, Some(name.clone()));
            let counts = ArgCounts::default();
            self.enter_scope(generic_name(name), kind, key, first_line, private, counts)?;
            self.type_params(type_params)?;
            self.store_name(&hidden_params, loc)?;
        }
        self.class_body(stmt, first_line)?;
        if generic {
            self.load_name(&hidden_params, loc)?;
            self.op_arg(Op::CallIntrinsic1, Intrinsic1::SubscriptGeneric as usize, loc);
            self.store_name(&hidden_base, loc)?;
            self.call_helper(2, bases, Some(&hidden_base), keywords, loc)?;
            let code = self.assemble(false)?;
            self.exit_scope();
            self.make_closure(code, 0, loc)?;
            self.op(Op::PushNull, loc);
            self.op_arg(Op::Call, 0, loc);
        } else {
            self.call_helper(2, bases, None, keywords, loc)?;
        }
        self.apply_decorators(decorator_list);
        self.store_name(name, loc)
    }

    /// The class's function, and the name, for `__build_class__`.
    fn class_body(&mut self, stmt: &'a Stmt, first_line: i32) -> Compiled<()> {
        let StmtKind::ClassDef { name, body, type_params, .. } = &stmt.kind else {
            return Ok(());
        };
        let key = BlockKey::new(stmt, BlockRole::Body);
        let private = Some(name.clone());
        let counts = ArgCounts::default();
        self.enter_scope(name.clone(), UnitKind::Class, key, first_line, private, counts)?;
        let loc = Loc::line(first_line);
        self.load_name(&WStr::from("__name__"), loc)?;
        self.store_name(&WStr::from("__module__"), loc)?;
        let qualname = self.unit().qualname.clone();
        self.load_const(Constant::Str(qualname), loc);
        self.store_name(&WStr::from("__qualname__"), loc)?;
        self.load_const(Constant::Int(i64::from(first_line)), loc);
        self.store_name(&WStr::from("__firstlineno__"), loc)?;
        if !type_params.is_empty() {
            self.load_name(&WStr::from(".type_params"), loc)?;
            self.store_name(&WStr::from("__type_params__"), loc)?;
        }
        if self.block().needs_classdict {
            self.op(Op::LoadLocals, loc);
            let cell = self.cell_number("__classdict__");
            self.op_arg(Op::StoreDeref, cell, loc);
        }
        if self.block().has_conditional_annotations {
            self.op_arg(Op::BuildSet, 0, loc);
            let cell = self.cell_number("__conditional_annotations__");
            self.op_arg(Op::StoreDeref, cell, loc);
        }
        self.body(body, loc, false)?;
        self.class_tail()?;
        let code = self.assemble(true)?;
        self.exit_scope();
        let loc = Loc::from(stmt.location);
        self.op(Op::LoadBuildClass, loc);
        self.op(Op::PushNull, loc);
        self.make_closure(code, 0, loc)?;
        self.load_const(Constant::Str(name.clone()), loc);
        Ok(())
    }

    /// What every class body ends with.
    fn class_tail(&mut self) -> Compiled<()> {
        let none = Loc::NONE;
        let mut attributes = std::mem::take(&mut self.unit_mut().static_attributes);
        attributes.sort();
        attributes.dedup();
        let attributes = attributes.into_iter().map(Constant::Str).collect();
        self.load_const(Constant::Tuple(attributes), none);
        self.store_name(&WStr::from("__static_attributes__"), none)?;
        if self.block().needs_classdict {
            let cell = self.cell_number("__classdict__");
            self.op_arg(Op::LoadClosure, cell, none);
            self.store_name(&WStr::from("__classdictcell__"), none)?;
        }
        if self.block().needs_class_closure {
            let cell = self.cell_number("__class__");
            self.op_arg(Op::LoadClosure, cell, none);
            self.op_arg(Op::Copy, 1, none);
            self.store_name(&WStr::from("__classcell__"), none)?;
        } else {
            self.load_none(none);
        }
        self.op(Op::ReturnValue, none);
        Ok(())
    }

    pub(super) fn type_alias(
        &mut self,
        stmt: &'a Stmt,
        target: &'a Expr,
        type_params: &'a Vec<TypeParam>,
        value: &'a Expr,
    ) -> Compiled<()> {
        let ExprKind::Name { id: name, .. } = &target.kind else {
            return Err(system_error("TypeAlias with non-Name name"));
        };
        let loc = Loc::from(stmt.location);
        let generic = !type_params.is_empty();
        if generic {
            let key = BlockKey::new(type_params, BlockRole::TypeParams);
            let (kind, counts) = (UnitKind::Annotations, ArgCounts::default());
            self.enter_scope(generic_name(name), kind, key, loc.line, None, counts)?;
            self.load_const(Constant::Str(name.clone()), loc);
            self.type_params(type_params)?;
        } else {
            self.load_const(Constant::Str(name.clone()), loc);
            self.load_none(loc);
        }
        self.load_const(Constant::Tuple(vec![Constant::Int(1)]), loc);
        let key = BlockKey::new(stmt, BlockRole::Body);
        self.enter_annotation_scope(name.clone(), key, loc)?;
        self.expr(value)?;
        self.op(Op::ReturnValue, loc);
        let code = self.assemble(false)?;
        self.exit_scope();
        self.make_closure(code, function_attribute::DEFAULTS, loc)?;
        self.op_arg(Op::BuildTuple, 3, loc);
        self.op_arg(Op::CallIntrinsic1, Intrinsic1::TypeAlias as usize, loc);
        if generic {
            let code = self.assemble(false)?;
            self.exit_scope();
            self.make_closure(code, 0, loc)?;
            self.op(Op::PushNull, loc);
            self.op_arg(Op::Call, 0, loc);
        }
        self.store_name(name, loc)
    }

    fn type_params(&mut self, params: &'a [TypeParam]) -> Compiled<()> {
        let mut seen_default = false;
        for param in params {
            let loc = Loc::from(param.location);
            let (name, default) = match &param.kind {
                TypeParamKind::TypeVar { name, bound, default_value } => {
                    self.load_const(Constant::Str(name.clone()), loc);
                    match bound {
                        Some(bound) => {
                            let role = BlockRole::Bound;
                            self.bound_or_default(bound, name, param, role, false)?;
                            let intrinsic = match bound.kind {
                                ExprKind::Tuple { .. } => Intrinsic2::TypeVarWithConstraints,
                                _ => Intrinsic2::TypeVarWithBound,
                            };
                            self.op_arg(Op::CallIntrinsic2, intrinsic as usize, loc);
                        }
                        None => {
                            self.op_arg(Op::CallIntrinsic1, Intrinsic1::TypeVar as usize, loc);
                        }
                    }
                    (name, default_value)
                }
                TypeParamKind::TypeVarTuple { name, default_value } => {
                    self.load_const(Constant::Str(name.clone()), loc);
                    self.op_arg(Op::CallIntrinsic1, Intrinsic1::TypeVarTuple as usize, loc);
                    (name, default_value)
                }
                TypeParamKind::ParamSpec { name, default_value } => {
                    self.load_const(Constant::Str(name.clone()), loc);
                    self.op_arg(Op::CallIntrinsic1, Intrinsic1::ParamSpec as usize, loc);
                    (name, default_value)
                }
            };
            if let Some(default) = default {
                seen_default = true;
                let starred = matches!(param.kind, TypeParamKind::TypeVarTuple { .. });
                self.bound_or_default(default, name, param, BlockRole::Default, starred)?;
                self.op_arg(Op::CallIntrinsic2, Intrinsic2::SetTypeParamDefault as usize, loc);
            } else if seen_default {
                return self.error(loc, format!("non-default type parameter '{name}' follows default type parameter"));
            }
            self.op_arg(Op::Copy, 1, loc);
            self.store_name(name, loc)?;
        }
        let loc = params.first().map_or(Loc::NONE, |param| param.location.into());
        self.op_arg(Op::BuildTuple, params.len(), loc);
        Ok(())
    }

    /// The bound or default of a type parameter, as a function that is called on demand.
    fn bound_or_default(
        &mut self,
        expr: &'a Expr,
        name: &WStr,
        param: &'a TypeParam,
        role: BlockRole,
        allow_starred: bool,
    ) -> Compiled<()> {
        let loc = Loc::from(expr.location);
        self.load_const(Constant::Tuple(vec![Constant::Int(1)]), loc);
        self.enter_annotation_scope(name.clone(), BlockKey::new(param, role), loc)?;
        match &expr.kind {
            ExprKind::Starred { value, .. } if allow_starred => {
                self.expr(value)?;
                self.op_arg(Op::UnpackSequence, 1, loc);
            }
            _ => self.expr(expr)?,
        }
        self.op(Op::ReturnValue, loc);
        let code = self.assemble(true)?;
        self.exit_scope();
        self.make_closure(code, function_attribute::DEFAULTS, loc)
    }
}
