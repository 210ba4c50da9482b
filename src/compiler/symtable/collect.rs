//! The first pass over the tree: who binds, uses and declares which names.

use std::collections::{HashMap, HashSet};

use pyrs_bytecode::{WStr, co_flags};
use pyrs_parser::ast::{
    Alias, Arg, Arguments, Comprehension, ExceptHandlerKind, Expr, ExprContext, ExprKind, Keyword, Location, Mod,
    Pattern, PatternKind, Stmt, StmtKind, TypeParam, TypeParamKind,
};
use pyrs_parser::with_stack;

use super::symbol::*;
use super::{Block, BlockId, BlockKey, BlockRole, BlockType, ComprehensionKind, SymbolTable, maybe_mangle};
use crate::errors::{Compiled, error_at, system_error};
use crate::future::FutureFeatures;
use crate::ordered::OrderedMap;
use crate::preprocess::{body_docstring, is_docstring};

const ALLOW_TOP_LEVEL_AWAIT: u32 = 0x2000;

/// Makes the raw table.
pub fn collect(tree: &Mod, future: FutureFeatures, flags: u32) -> Compiled<SymbolTable> {
    let mut collector = Collector {
        table: SymbolTable { blocks: Vec::new(), top: BlockId(0), by_key: HashMap::new() },
        stack: Vec::new(),
        private: None,
        future,
        future_annotations: (future.flags | flags) & co_flags::FUTURE_ANNOTATIONS != 0,
        flags,
    };
    collector.enter(WStr::from("top"), BlockType::Module, BlockKey::new(tree, BlockRole::Body), Location::default())?;
    match tree {
        Mod::Module { body, .. } => {
            if body.first().is_some_and(is_docstring) {
                collector.current().has_docstring = true;
            }
            collector.stmts(body)?;
        }
        Mod::Interactive { body } => collector.stmts(body)?,
        Mod::Expression { body } => collector.expr(body)?,
        Mod::FunctionType { .. } => {
            return Err(system_error("this compiler does not handle FunctionTypes"));
        }
    }
    Ok(collector.table)
}

struct Collector {
    table: SymbolTable,
    stack: Vec<BlockId>,
    private: Option<WStr>,
    future: FutureFeatures,
    future_annotations: bool,
    flags: u32,
}

fn named(name: &str) -> WStr {
    WStr::from(name)
}

impl Collector {
    fn current_id(&self) -> BlockId {
        self.stack.last().copied().unwrap_or(self.table.top)
    }

    fn current(&mut self) -> &mut Block {
        let id = self.current_id();
        self.table.block_mut(id)
    }

    fn new_block(&mut self, name: WStr, kind: BlockType, key: BlockKey, location: Location) -> BlockId {
        let parent = self.stack.last().map(|id| self.table.block(*id));
        let nested = parent.is_some_and(|parent| parent.nested || parent.is_function_like());
        let method = kind == BlockType::Function && parent.is_some_and(|parent| parent.kind == BlockType::Class);
        let id = BlockId(self.table.blocks.len());
        self.table.by_key.insert(key, id);
        self.table.blocks.push(Block {
            name,
            kind,
            location,
            key,
            symbols: OrderedMap::default(),
            varnames: Vec::new(),
            children: Vec::new(),
            directives: Vec::new(),
            mangled_names: None,
            nested,
            generator: false,
            coroutine: false,
            comprehension: None,
            varargs: false,
            varkeywords: false,
            returns_value: false,
            needs_class_closure: false,
            needs_classdict: false,
            comp_inlined: false,
            comp_iter_target: false,
            comp_iter_expr: 0,
            can_see_class_scope: false,
            has_docstring: false,
            method,
            has_conditional_annotations: false,
            in_conditional_block: false,
            in_unevaluated_annotation: false,
            annotations_used: false,
            annotation_block: None,
            scope_info: "",
        });
        id
    }

    fn enter(&mut self, name: WStr, kind: BlockType, key: BlockKey, location: Location) -> Compiled<BlockId> {
        let id = self.new_block(name, kind, key, location);
        self.enter_existing(id);
        if matches!(kind, BlockType::Annotation | BlockType::TypeVariable | BlockType::TypeAlias) {
            // The code reads this parameter before anything else.
            self.define(&named(".format"), DEF_PARAM, location)?;
            self.define(&named(".format"), USE, location)?;
        }
        Ok(id)
    }

    fn enter_existing(&mut self, id: BlockId) {
        if let Some(previous) = self.stack.last().copied() {
            let parent = self.table.block(previous);
            let (iter_expr, mangled) = (parent.comp_iter_expr, parent.mangled_names.clone());
            let block = self.table.block_mut(id);
            block.comp_iter_expr = iter_expr;
            if mangled.is_some() && block.kind != BlockType::Class {
                block.mangled_names = mangled;
            }
            let hidden = self.future_annotations && self.table.block(id).kind == BlockType::Annotation;
            if !hidden {
                self.table.block_mut(previous).children.push(id);
            }
        }
        self.stack.push(id);
    }

    fn exit(&mut self) {
        self.stack.pop();
    }

    fn lookup_in(&self, id: BlockId, name: &WStr) -> u32 {
        let block = self.table.block(id);
        block.bits(&maybe_mangle(self.private.as_ref(), block, name))
    }

    fn lookup(&self, name: &WStr) -> u32 {
        self.lookup_in(self.current_id(), name)
    }

    fn define(&mut self, name: &WStr, flag: u32, location: Location) -> Compiled<()> {
        let context = if flag == USE { ExprContext::Load } else { ExprContext::Store };
        self.define_in_context(name, flag, location, context)
    }

    fn define_in_context(&mut self, name: &WStr, flag: u32, location: Location, context: ExprContext) -> Compiled<()> {
        if flag & (DEF_PARAM | DEF_LOCAL | DEF_IMPORT) != 0 {
            check_name(name, location, context)?;
        }
        if flag & DEF_TYPE_PARAM != 0
            && let Some(names) = &mut self.current().mangled_names
        {
            names.insert(name.clone());
        }
        self.define_in(self.current_id(), name, flag, location)
    }

    fn define_in(&mut self, id: BlockId, name: &WStr, flag: u32, location: Location) -> Compiled<()> {
        let current = self.table.block(self.current_id());
        let mangled = maybe_mangle(self.private.as_ref(), current, name);
        let block = self.table.block_mut(id);
        let mut bits = block.bits(&mangled);
        if flag & bits & DEF_PARAM != 0 {
            return Err(error_at(location, format!("duplicate argument '{name}' in function definition")));
        }
        if flag & bits & DEF_TYPE_PARAM != 0 {
            return Err(error_at(location, format!("duplicate type parameter '{name}'")));
        }
        bits |= flag;
        if block.comp_iter_target {
            if bits & (DEF_GLOBAL | DEF_NONLOCAL) != 0 {
                return Err(error_at(
                    location,
                    format!("comprehension inner loop cannot rebind assignment expression target '{name}'"),
                ));
            }
            bits |= DEF_COMP_ITER;
        }
        block.symbols.insert(mangled.clone(), bits);
        if flag & DEF_PARAM != 0 {
            block.varnames.push(mangled);
        } else if flag & DEF_GLOBAL != 0 {
            let top = self.table.top;
            let globals = self.table.block_mut(top);
            let bits = globals.bits(&mangled) | flag;
            globals.symbols.insert(mangled, bits);
        }
        Ok(())
    }

    fn conditional(&mut self, step: impl FnOnce(&mut Self) -> Compiled<()>) -> Compiled<()> {
        let id = self.current_id();
        let before = std::mem::replace(&mut self.table.block_mut(id).in_conditional_block, true);
        step(self)?;
        self.table.block_mut(id).in_conditional_block = before;
        Ok(())
    }

    fn stmts(&mut self, body: &[Stmt]) -> Compiled<()> {
        body.iter().try_for_each(|stmt| with_stack(|| self.stmt(stmt)))
    }

    fn stmt(&mut self, stmt: &Stmt) -> Compiled<()> {
        let location = stmt.location;
        match &stmt.kind {
            StmtKind::FunctionDef { .. } => self.function(stmt, false),
            StmtKind::AsyncFunctionDef { .. } => self.function(stmt, true),
            StmtKind::ClassDef { .. } => self.class(stmt),
            StmtKind::TypeAlias { name, type_params, value } => self.type_alias(stmt, name, type_params, value),
            StmtKind::Return { value } => {
                if let Some(value) = value {
                    self.expr(value)?;
                    self.current().returns_value = true;
                }
                Ok(())
            }
            StmtKind::Delete { targets } => self.exprs(targets),
            StmtKind::Assign { targets, value, .. } => {
                self.exprs(targets)?;
                self.expr(value)
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.expr(target)?;
                self.expr(value)
            }
            StmtKind::AnnAssign { target, annotation, value, simple } => {
                self.annotated(stmt, target, annotation, value.as_deref(), *simple != 0)
            }
            StmtKind::For { target, iter, body, orelse, .. } => {
                self.expr(target)?;
                self.expr(iter)?;
                self.conditional(|c| {
                    c.stmts(body)?;
                    c.stmts(orelse)
                })
            }
            StmtKind::AsyncFor { target, iter, body, orelse, .. } => {
                self.allow_module_coroutine();
                self.require_coroutine("'async for' outside async function", location)?;
                self.expr(target)?;
                self.expr(iter)?;
                self.conditional(|c| {
                    c.stmts(body)?;
                    c.stmts(orelse)
                })
            }
            StmtKind::While { test, body, orelse } | StmtKind::If { test, body, orelse } => {
                self.expr(test)?;
                self.conditional(|c| {
                    c.stmts(body)?;
                    c.stmts(orelse)
                })
            }
            StmtKind::With { items, body, .. } | StmtKind::AsyncWith { items, body, .. } => {
                if matches!(stmt.kind, StmtKind::AsyncWith { .. }) {
                    self.allow_module_coroutine();
                    self.require_coroutine("'async with' outside async function", location)?;
                }
                self.conditional(|c| {
                    for item in items {
                        c.expr(&item.context_expr)?;
                        c.optional(&item.optional_vars)?;
                    }
                    c.stmts(body)
                })
            }
            StmtKind::Match { subject, cases } => {
                self.expr(subject)?;
                self.conditional(|c| {
                    for case in cases {
                        c.pattern(&case.pattern)?;
                        c.optional(&case.guard)?;
                        c.stmts(&case.body)?;
                    }
                    Ok(())
                })
            }
            StmtKind::Raise { exc, cause } => {
                self.optional(exc)?;
                self.optional(cause)
            }
            StmtKind::Try { body, handlers, orelse, finalbody }
            | StmtKind::TryStar { body, handlers, orelse, finalbody } => self.conditional(|c| {
                c.stmts(body)?;
                for handler in handlers {
                    let ExceptHandlerKind::ExceptHandler { type_, name, body } = &handler.kind;
                    c.optional(type_)?;
                    if let Some(name) = name {
                        c.define(name, DEF_LOCAL, handler.location)?;
                    }
                    c.stmts(body)?;
                }
                c.stmts(orelse)?;
                c.stmts(finalbody)
            }),
            StmtKind::Assert { test, msg } => {
                self.expr(test)?;
                self.optional(msg)
            }
            StmtKind::Import { names } => self.aliases(names),
            StmtKind::ImportFrom { module, names, level } => {
                self.aliases(names)?;
                let is_future = level.unwrap_or(0) == 0 && module.as_ref().is_some_and(|name| *name == "__future__");
                if is_future { self.check_future(location) } else { Ok(()) }
            }
            StmtKind::Global { names } => self.directive(names, DEF_GLOBAL, location),
            StmtKind::Nonlocal { names } => self.directive(names, DEF_NONLOCAL, location),
            StmtKind::Expr { value } => self.expr(value),
            StmtKind::Pass {} | StmtKind::Break {} | StmtKind::Continue {} => Ok(()),
        }
    }

    fn check_future(&self, location: Location) -> Compiled<()> {
        let late = self.future.location.is_none_or(|last| {
            location.lineno > last.lineno
                || (location.lineno == last.end_lineno && location.col_offset > last.end_col_offset)
        });
        if late {
            let msg = "from __future__ imports must occur at the beginning of the file";
            return Err(error_at(location, msg));
        }
        Ok(())
    }

    fn directive(&mut self, names: &[WStr], flag: u32, location: Location) -> Compiled<()> {
        let word = if flag == DEF_GLOBAL { "global" } else { "nonlocal" };
        for name in names {
            let bits = self.lookup(name);
            if bits & (DEF_PARAM | DEF_LOCAL | USE | DEF_ANNOT) != 0 {
                let msg = if bits & DEF_PARAM != 0 {
                    format!("name '{name}' is parameter and {word}")
                } else if bits & USE != 0 {
                    format!("name '{name}' is used prior to {word} declaration")
                } else if bits & DEF_ANNOT != 0 {
                    format!("annotated name '{name}' can't be {word}")
                } else {
                    format!("name '{name}' is assigned to before {word} declaration")
                };
                return Err(error_at(location, msg));
            }
            self.define(name, flag, location)?;
            self.record_directive(name, location);
        }
        Ok(())
    }

    fn record_directive(&mut self, name: &WStr, location: Location) {
        let block = self.table.block(self.current_id());
        let mangled = maybe_mangle(self.private.as_ref(), block, name);
        self.current().directives.push((mangled, location));
    }

    fn function(&mut self, stmt: &Stmt, is_async: bool) -> Compiled<()> {
        let (StmtKind::FunctionDef { name, args, body, decorator_list, returns, type_params, .. }
        | StmtKind::AsyncFunctionDef { name, args, body, decorator_list, returns, type_params, .. }) = &stmt.kind
        else {
            return Ok(());
        };
        let location = stmt.location;
        self.define(name, DEF_LOCAL, location)?;
        self.exprs(&args.defaults)?;
        self.optional_exprs(&args.kw_defaults)?;
        self.exprs(decorator_list)?;
        if !type_params.is_empty() {
            let has_kwdefaults = args.kw_defaults.iter().any(Option::is_some);
            self.enter_type_params(name, type_params, (true, has_kwdefaults), false, location)?;
            self.type_params(type_params)?;
        }
        let key = BlockKey::new(stmt, BlockRole::Body);
        let id = self.new_block(name.clone(), BlockType::Function, key, location);
        self.table.block_mut(id).has_docstring = body_docstring(body).is_some();
        self.annotations(location, args, returns.as_deref())?;
        self.enter_existing(id);
        self.current().coroutine |= is_async;
        self.parameters(args)?;
        self.stmts(body)?;
        self.exit();
        if !type_params.is_empty() {
            self.exit();
        }
        Ok(())
    }

    fn class(&mut self, stmt: &Stmt) -> Compiled<()> {
        let StmtKind::ClassDef { name, bases, keywords, body, decorator_list, type_params } = &stmt.kind else {
            return Ok(());
        };
        let location = stmt.location;
        self.define(name, DEF_LOCAL, location)?;
        self.exprs(decorator_list)?;
        let outer_private = self.private.clone();
        if !type_params.is_empty() {
            self.enter_type_params(name, type_params, (false, false), true, location)?;
            self.private = Some(name.clone());
            self.current().mangled_names = Some(HashSet::new());
            self.type_params(type_params)?;
        }
        self.exprs(bases)?;
        check_keywords(keywords)?;
        for keyword in keywords {
            self.expr(&keyword.value)?;
        }
        let key = BlockKey::new(stmt, BlockRole::Body);
        self.enter(name.clone(), BlockType::Class, key, location)?;
        self.private = Some(name.clone());
        if !type_params.is_empty() {
            self.define(&named("__type_params__"), DEF_LOCAL, location)?;
            self.define(&named(".type_params"), USE, location)?;
        }
        self.current().has_docstring = body_docstring(body).is_some();
        self.stmts(body)?;
        self.exit();
        if !type_params.is_empty() {
            self.exit();
        }
        self.private = outer_private;
        Ok(())
    }

    fn enter_type_params(
        &mut self,
        name: &WStr,
        params: &Vec<TypeParam>,
        (has_defaults, has_kwdefaults): (bool, bool),
        for_class: bool,
        location: Location,
    ) -> Compiled<()> {
        let in_class = self.current().kind == BlockType::Class;
        let key = BlockKey::new(params, BlockRole::TypeParams);
        self.enter(name.clone(), BlockType::TypeParameters, key, location)?;
        if in_class {
            self.current().can_see_class_scope = true;
            self.define(&named("__classdict__"), USE, location)?;
        }
        if for_class {
            for hidden in [".type_params", ".generic_base"] {
                self.define(&named(hidden), DEF_LOCAL, location)?;
                self.define(&named(hidden), USE, location)?;
            }
        }
        if has_defaults {
            self.define(&named(".defaults"), DEF_PARAM, location)?;
        }
        if has_kwdefaults {
            self.define(&named(".kwdefaults"), DEF_PARAM, location)?;
        }
        Ok(())
    }

    fn type_alias(&mut self, stmt: &Stmt, name: &Expr, type_params: &Vec<TypeParam>, value: &Expr) -> Compiled<()> {
        self.expr(name)?;
        let ExprKind::Name { id, .. } = &name.kind else {
            return Err(system_error("TypeAlias with non-Name name"));
        };
        let in_class = self.current().kind == BlockType::Class;
        if !type_params.is_empty() {
            self.enter_type_params(id, type_params, (false, false), false, stmt.location)?;
            self.type_params(type_params)?;
        }
        let key = BlockKey::new(stmt, BlockRole::Body);
        self.enter(id.clone(), BlockType::TypeAlias, key, stmt.location)?;
        self.current().can_see_class_scope = in_class;
        if in_class {
            self.define(&named("__classdict__"), USE, value.location)?;
        }
        self.expr(value)?;
        self.exit();
        if !type_params.is_empty() {
            self.exit();
        }
        Ok(())
    }

    fn type_params(&mut self, params: &[TypeParam]) -> Compiled<()> {
        for param in params {
            let location = param.location;
            match &param.kind {
                TypeParamKind::TypeVar { name, bound, default_value } => {
                    self.define(name, DEF_TYPE_PARAM | DEF_LOCAL, location)?;
                    let info = match bound.as_deref() {
                        Some(Expr { kind: ExprKind::Tuple { .. }, .. }) => "a TypeVar constraint",
                        _ => "a TypeVar bound",
                    };
                    self.bound_or_default(bound.as_deref(), name, param, BlockRole::Bound, info)?;
                    let role = BlockRole::Default;
                    let info = "a TypeVar default";
                    self.bound_or_default(default_value.as_deref(), name, param, role, info)?;
                }
                TypeParamKind::TypeVarTuple { name, default_value } => {
                    self.define(name, DEF_TYPE_PARAM | DEF_LOCAL, location)?;
                    let role = BlockRole::Default;
                    let info = "a TypeVarTuple default";
                    self.bound_or_default(default_value.as_deref(), name, param, role, info)?;
                }
                TypeParamKind::ParamSpec { name, default_value } => {
                    self.define(name, DEF_TYPE_PARAM | DEF_LOCAL, location)?;
                    let role = BlockRole::Default;
                    let info = "a ParamSpec default";
                    self.bound_or_default(default_value.as_deref(), name, param, role, info)?;
                }
            }
        }
        Ok(())
    }

    fn bound_or_default(
        &mut self,
        expr: Option<&Expr>,
        name: &WStr,
        param: &TypeParam,
        role: BlockRole,
        info: &'static str,
    ) -> Compiled<()> {
        if *name == "__classdict__" {
            return Err(error_at(param.location, format!("reserved name '{name}' cannot be used for type parameter")));
        }
        let Some(expr) = expr else {
            return Ok(());
        };
        let in_class = self.current().can_see_class_scope;
        let key = BlockKey::new(param, role);
        self.enter(name.clone(), BlockType::TypeVariable, key, expr.location)?;
        self.current().can_see_class_scope = in_class;
        if in_class {
            self.define(&named("__classdict__"), USE, expr.location)?;
        }
        self.current().scope_info = info;
        self.expr(expr)?;
        self.exit();
        Ok(())
    }

    fn annotated(
        &mut self,
        stmt: &Stmt,
        target: &Expr,
        annotation: &Expr,
        value: Option<&Expr>,
        simple: bool,
    ) -> Compiled<()> {
        self.current().annotations_used = true;
        if let ExprKind::Name { id, .. } = &target.kind {
            let bits = self.lookup(id);
            let declared = bits & (DEF_GLOBAL | DEF_NONLOCAL) != 0;
            if declared && self.current_id() != self.table.top && simple {
                let word = if bits & DEF_GLOBAL != 0 { "global" } else { "nonlocal" };
                return Err(error_at(stmt.location, format!("annotated name '{id}' can't be {word}")));
            }
            if simple {
                self.define(id, DEF_ANNOT | DEF_LOCAL, target.location)?;
            } else if value.is_some() {
                self.define(id, DEF_LOCAL, target.location)?;
            }
        } else {
            self.expr(target)?;
        }
        self.annotation(annotation)?;
        match value {
            Some(value) => self.expr(value),
            None => Ok(()),
        }
    }

    /// The annotation of a variable, in the annotation block of its module, class or function.
    fn annotation(&mut self, annotation: &Expr) -> Compiled<()> {
        let parent = self.current_id();
        let block = self.table.block(parent);
        let kind = block.kind;
        // A module may be run in part, so all its annotations are conditional.
        let conditional = (kind == BlockType::Module || (kind == BlockType::Class && block.in_conditional_block))
            && !block.has_conditional_annotations;
        if conditional {
            self.current().has_conditional_annotations = true;
            self.define(&named("__conditional_annotations__"), USE, annotation.location)?;
        }
        match self.table.block(parent).annotation_block {
            Some(existing) => self.enter_existing(existing),
            None => {
                let BlockKey(address, _) = self.table.block(parent).key;
                let key = BlockKey(address, BlockRole::Annotations);
                let location = annotation.location;
                let id = self.enter(named("__annotate__"), BlockType::Annotation, key, location)?;
                self.table.block_mut(parent).annotation_block = Some(id);
                if kind == BlockType::Class && !self.future_annotations {
                    self.current().can_see_class_scope = true;
                    self.define(&named("__classdict__"), USE, location)?;
                }
            }
        }
        let unevaluated = kind == BlockType::Function;
        if unevaluated {
            self.current().in_unevaluated_annotation = true;
        }
        self.expr(annotation)?;
        if unevaluated {
            self.current().in_unevaluated_annotation = false;
        }
        self.exit();
        Ok(())
    }

    /// The annotations of a function's parameters and result.
    fn annotations(&mut self, location: Location, args: &Arguments, returns: Option<&Expr>) -> Compiled<()> {
        let current = self.current();
        let in_class = current.can_see_class_scope || current.kind == BlockType::Class;
        let key = BlockKey::new(args, BlockRole::Annotations);
        self.enter(named("__annotate__"), BlockType::Annotation, key, location)?;
        if in_class {
            self.current().can_see_class_scope = true;
            self.define(&named("__classdict__"), USE, location)?;
        }
        let all = args
            .posonlyargs
            .iter()
            .chain(&args.args)
            .chain(args.vararg.as_deref())
            .chain(args.kwarg.as_deref())
            .chain(&args.kwonlyargs)
            .filter_map(|arg| arg.annotation.as_deref());
        for annotation in all.chain(returns) {
            self.current().annotations_used = true;
            self.expr(annotation)?;
        }
        self.exit();
        Ok(())
    }

    fn parameters(&mut self, args: &Arguments) -> Compiled<()> {
        let positional = args.posonlyargs.iter().chain(&args.args).chain(&args.kwonlyargs);
        for arg in positional {
            self.parameter(arg)?;
        }
        if let Some(arg) = &args.vararg {
            self.parameter(arg)?;
            self.current().varargs = true;
        }
        if let Some(arg) = &args.kwarg {
            self.parameter(arg)?;
            self.current().varkeywords = true;
        }
        Ok(())
    }

    fn parameter(&mut self, arg: &Arg) -> Compiled<()> {
        self.define(&arg.arg, DEF_PARAM, arg.location)
    }

    fn aliases(&mut self, names: &[Alias]) -> Compiled<()> {
        for alias in names {
            let name = alias.asname.as_ref().unwrap_or(&alias.name);
            if *name == "*" {
                if self.current().kind != BlockType::Module {
                    return Err(error_at(alias.location, "import * only allowed at module level"));
                }
                continue;
            }
            let bytes = name.as_bytes();
            let end = bytes.iter().position(|byte| *byte == b'.').unwrap_or(bytes.len());
            let store = WStr::from_wtf8(&bytes[..end]).unwrap_or_else(|| name.clone());
            self.define(&store, DEF_IMPORT, alias.location)?;
        }
        Ok(())
    }

    fn exprs(&mut self, exprs: &[Expr]) -> Compiled<()> {
        exprs.iter().try_for_each(|expr| self.expr(expr))
    }

    fn optional_exprs(&mut self, exprs: &[Option<Expr>]) -> Compiled<()> {
        exprs.iter().flatten().try_for_each(|expr| self.expr(expr))
    }

    fn optional(&mut self, expr: &Option<Box<Expr>>) -> Compiled<()> {
        expr.as_deref().map_or(Ok(()), |expr| self.expr(expr))
    }

    fn expr(&mut self, expr: &Expr) -> Compiled<()> {
        with_stack(|| self.expr_kind(expr))
    }

    fn expr_kind(&mut self, expr: &Expr) -> Compiled<()> {
        match &expr.kind {
            ExprKind::NamedExpr { target, value } => self.named_expr(expr, target, value),
            ExprKind::BoolOp { values, .. } | ExprKind::JoinedStr { values } | ExprKind::TemplateStr { values } => {
                self.exprs(values)
            }
            ExprKind::BinOp { left, right, .. } => {
                self.expr(left)?;
                self.expr(right)
            }
            ExprKind::UnaryOp { operand, .. } => self.expr(operand),
            ExprKind::Lambda { args, body } => {
                self.exprs(&args.defaults)?;
                self.optional_exprs(&args.kw_defaults)?;
                let key = BlockKey::new(expr, BlockRole::Body);
                self.enter(named("lambda"), BlockType::Function, key, expr.location)?;
                self.parameters(args)?;
                self.expr(body)?;
                self.exit();
                Ok(())
            }
            ExprKind::IfExp { test, body, orelse } => {
                self.expr(test)?;
                self.expr(body)?;
                self.expr(orelse)
            }
            ExprKind::Dict { keys, values } => {
                self.optional_exprs(keys)?;
                self.exprs(values)
            }
            ExprKind::Set { elts } | ExprKind::List { elts, .. } | ExprKind::Tuple { elts, .. } => self.exprs(elts),
            ExprKind::ListComp { elt, generators } => self.comprehension(expr, "listcomp", generators, elt, None),
            ExprKind::SetComp { elt, generators } => self.comprehension(expr, "setcomp", generators, elt, None),
            ExprKind::GeneratorExp { elt, generators } => self.comprehension(expr, "genexpr", generators, elt, None),
            ExprKind::DictComp { key, value, generators } => {
                self.comprehension(expr, "dictcomp", generators, key, Some(value))
            }
            ExprKind::Yield { .. } | ExprKind::YieldFrom { .. } => self.yield_expr(expr),
            ExprKind::Await { value } => self.await_expr(expr, value),
            ExprKind::Compare { left, comparators, .. } => {
                self.expr(left)?;
                self.exprs(comparators)
            }
            ExprKind::Call { func, args, keywords } => {
                self.expr(func)?;
                self.exprs(args)?;
                check_keywords(keywords)?;
                keywords.iter().try_for_each(|keyword| self.expr(&keyword.value))
            }
            ExprKind::FormattedValue { value, format_spec, .. }
            | ExprKind::Interpolation { value, format_spec, .. } => {
                self.expr(value)?;
                self.optional(format_spec)
            }
            ExprKind::Constant { .. } => Ok(()),
            ExprKind::Attribute { value, attr, ctx } => {
                check_name(attr, expr.location, *ctx)?;
                self.expr(value)
            }
            ExprKind::Subscript { value, slice, .. } => {
                self.expr(value)?;
                self.expr(slice)
            }
            ExprKind::Starred { value, .. } => self.expr(value),
            ExprKind::Slice { lower, upper, step } => {
                self.optional(lower)?;
                self.optional(upper)?;
                self.optional(step)
            }
            ExprKind::Name { id, ctx } => self.name(expr, id, *ctx),
        }
    }

    fn name(&mut self, expr: &Expr, id: &WStr, ctx: ExprContext) -> Compiled<()> {
        if self.current().in_unevaluated_annotation {
            return Ok(());
        }
        let flag = if ctx == ExprContext::Load { USE } else { DEF_LOCAL };
        self.define_in_context(id, flag, expr.location, ctx)?;
        // `super` counts as a use of the class.
        if ctx == ExprContext::Load && self.current().is_function_like() && *id == "super" {
            self.define(&named("__class__"), USE, expr.location)?;
        }
        Ok(())
    }

    fn yield_expr(&mut self, expr: &Expr) -> Compiled<()> {
        self.forbid_in_annotation("yield expression", expr)?;
        match &expr.kind {
            ExprKind::Yield { value } => self.optional(value)?,
            ExprKind::YieldFrom { value } => self.expr(value)?,
            _ => {}
        }
        self.current().generator = true;
        if let Some(kind) = self.current().comprehension {
            let what = match kind {
                ComprehensionKind::List => "list comprehension",
                ComprehensionKind::Set => "set comprehension",
                ComprehensionKind::Dict => "dict comprehension",
                ComprehensionKind::Generator => "generator expression",
            };
            return Err(error_at(expr.location, format!("'yield' inside {what}")));
        }
        Ok(())
    }

    fn await_expr(&mut self, expr: &Expr, value: &Expr) -> Compiled<()> {
        self.forbid_in_annotation("await expression", expr)?;
        if !self.allows_top_level_await() {
            let block = self.table.block(self.current_id());
            if !block.is_function_like() {
                return Err(error_at(expr.location, "'await' outside function"));
            }
            if !is_async_def(block) && block.comprehension.is_none() {
                return Err(error_at(expr.location, "'await' outside async function"));
            }
        }
        self.expr(value)?;
        self.current().coroutine = true;
        Ok(())
    }

    fn allows_top_level_await(&self) -> bool {
        self.flags & ALLOW_TOP_LEVEL_AWAIT != 0 && self.table.block(self.current_id()).kind == BlockType::Module
    }

    fn allow_module_coroutine(&mut self) {
        if self.allows_top_level_await() {
            self.current().coroutine = true;
        }
    }

    fn require_coroutine(&mut self, msg: &str, location: Location) -> Compiled<()> {
        if self.current().coroutine { Ok(()) } else { Err(error_at(location, msg)) }
    }

    fn forbid_in_annotation(&mut self, what: &str, expr: &Expr) -> Compiled<()> {
        let block = self.current();
        let place = match block.kind {
            BlockType::Annotation => "an annotation".to_string(),
            BlockType::TypeVariable => block.scope_info.to_string(),
            BlockType::TypeAlias => "a type alias".to_string(),
            BlockType::TypeParameters => "the definition of a generic".to_string(),
            _ => return Ok(()),
        };
        Err(error_at(expr.location, format!("{what} cannot be used within {place}")))
    }

    fn named_expr(&mut self, expr: &Expr, target: &Expr, value: &Expr) -> Compiled<()> {
        self.forbid_in_annotation("named expression", expr)?;
        if self.current().comp_iter_expr > 0 {
            return Err(error_at(
                expr.location,
                "assignment expression cannot be used in a comprehension iterable expression",
            ));
        }
        if self.current().comprehension.is_some() {
            self.extend_named_expr_scope(target)?;
        }
        self.expr(value)?;
        self.expr(target)
    }

    /// `:=` in a comprehension binds in the block around it.
    fn extend_named_expr_scope(&mut self, target: &Expr) -> Compiled<()> {
        let ExprKind::Name { id, .. } = &target.kind else {
            return Ok(());
        };
        let location = target.location;
        for block_id in self.stack.clone().into_iter().rev() {
            let block = self.table.block(block_id);
            let bits = self.lookup_in(block_id, id);
            if block.comprehension.is_some() {
                if bits & DEF_COMP_ITER != 0 && bits & DEF_LOCAL != 0 {
                    return Err(error_at(
                        location,
                        format!(
                            "assignment expression cannot rebind comprehension iteration variable \
                             '{id}'"
                        ),
                    ));
                }
                continue;
            }
            let place = match block.kind {
                BlockType::Function | BlockType::Annotation => {
                    let flag = if bits & DEF_GLOBAL != 0 { DEF_GLOBAL } else { DEF_NONLOCAL };
                    self.define(id, flag, location)?;
                    self.record_directive(id, location);
                    return self.define_in(block_id, id, DEF_LOCAL, location);
                }
                BlockType::Module => {
                    self.define(id, DEF_GLOBAL, location)?;
                    self.record_directive(id, location);
                    return self.define_in(block_id, id, DEF_GLOBAL, location);
                }
                BlockType::Class => "class body",
                BlockType::TypeParameters => "type parameters",
                BlockType::TypeAlias => "type alias",
                BlockType::TypeVariable => "TypeVar bound",
            };
            let msg = match block.kind {
                BlockType::Class => {
                    "assignment expression within a comprehension cannot be used in a class body".to_string()
                }
                BlockType::TypeParameters => "assignment expression within a comprehension cannot be used within the \
                     definition of a generic"
                    .to_string(),
                _ => format!("assignment expression within a comprehension cannot be used in a {place}"),
            };
            return Err(error_at(location, msg));
        }
        Ok(())
    }

    fn comprehension(
        &mut self,
        expr: &Expr,
        name: &str,
        generators: &[Comprehension],
        elt: &Expr,
        value: Option<&Expr>,
    ) -> Compiled<()> {
        let Some((outermost, inner)) = generators.split_first() else {
            return Err(system_error("comprehension with no generators"));
        };
        self.current().comp_iter_expr += 1;
        self.expr(&outermost.iter)?;
        self.current().comp_iter_expr -= 1;
        let key = BlockKey::new(expr, BlockRole::Body);
        self.enter(named(name), BlockType::Function, key, expr.location)?;
        let kind = match name {
            "listcomp" => ComprehensionKind::List,
            "setcomp" => ComprehensionKind::Set,
            "dictcomp" => ComprehensionKind::Dict,
            _ => ComprehensionKind::Generator,
        };
        let is_generator = kind == ComprehensionKind::Generator;
        self.current().comprehension = Some(kind);
        if outermost.is_async != 0 {
            self.current().coroutine = true;
        }
        self.define(&named(".0"), DEF_PARAM, expr.location)?;
        self.comprehension_target(&outermost.target)?;
        self.exprs(&outermost.ifs)?;
        for generator in inner {
            self.comprehension_target(&generator.target)?;
            self.current().comp_iter_expr += 1;
            self.expr(&generator.iter)?;
            self.current().comp_iter_expr -= 1;
            self.exprs(&generator.ifs)?;
            if generator.is_async != 0 {
                self.current().coroutine = true;
            }
        }
        if let Some(value) = value {
            self.expr(value)?;
        }
        self.expr(elt)?;
        self.current().generator = is_generator;
        let is_async = self.current().coroutine && !is_generator;
        self.exit();
        if !is_async {
            return Ok(());
        }
        let outer = self.table.block(self.current_id());
        let allowed = is_async_def(outer) || outer.comprehension.is_some();
        if !allowed && !self.allows_top_level_await() {
            return Err(error_at(expr.location, "asynchronous comprehension outside of an asynchronous function"));
        }
        self.current().coroutine = true;
        Ok(())
    }

    fn comprehension_target(&mut self, target: &Expr) -> Compiled<()> {
        self.current().comp_iter_target = true;
        self.expr(target)?;
        self.current().comp_iter_target = false;
        Ok(())
    }

    fn pattern(&mut self, pattern: &Pattern) -> Compiled<()> {
        with_stack(|| self.pattern_kind(pattern))
    }

    fn patterns(&mut self, patterns: &[Pattern]) -> Compiled<()> {
        patterns.iter().try_for_each(|pattern| self.pattern(pattern))
    }

    fn pattern_kind(&mut self, pattern: &Pattern) -> Compiled<()> {
        let location = pattern.location;
        match &pattern.kind {
            PatternKind::MatchValue { value } => self.expr(value),
            PatternKind::MatchSingleton { .. } => Ok(()),
            PatternKind::MatchSequence { patterns } | PatternKind::MatchOr { patterns } => self.patterns(patterns),
            PatternKind::MatchStar { name } => self.capture(name.as_ref(), location),
            PatternKind::MatchMapping { keys, patterns, rest } => {
                self.exprs(keys)?;
                self.patterns(patterns)?;
                self.capture(rest.as_ref(), location)
            }
            PatternKind::MatchClass { cls, patterns, kwd_attrs, kwd_patterns } => {
                self.expr(cls)?;
                self.patterns(patterns)?;
                for (attr, pattern) in kwd_attrs.iter().zip(kwd_patterns) {
                    check_name(attr, pattern.location, ExprContext::Store)?;
                }
                self.patterns(kwd_patterns)
            }
            PatternKind::MatchAs { pattern, name } => {
                if let Some(pattern) = pattern {
                    self.pattern(pattern)?;
                }
                self.capture(name.as_ref(), location)
            }
        }
    }

    fn capture(&mut self, name: Option<&WStr>, location: Location) -> Compiled<()> {
        name.map_or(Ok(()), |name| self.define(name, DEF_LOCAL, location))
    }
}

fn is_async_def(block: &Block) -> bool {
    block.kind == BlockType::Function && block.coroutine
}

fn check_keywords(keywords: &[Keyword]) -> Compiled<()> {
    keywords.iter().try_for_each(|keyword| match &keyword.arg {
        Some(name) => check_name(name, keyword.location, ExprContext::Store),
        None => Ok(()),
    })
}

fn check_name(name: &WStr, location: Location, context: ExprContext) -> Compiled<()> {
    if *name == "__debug__" && context != ExprContext::Load {
        let verb = if context == ExprContext::Store { "assign to" } else { "delete" };
        return Err(error_at(location, format!("cannot {verb} __debug__")));
    }
    Ok(())
}
