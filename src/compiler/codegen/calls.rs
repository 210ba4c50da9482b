//! Calls: plain ones, method calls, `super()`, and the inlining of `all`, `any` and `tuple`.

use pyrs_bytecode::{AnyOpcode as Op, CommonConstant, Constant, Intrinsic1, WStr};
use pyrs_parser::ast::{CmpOp, Expr, ExprContext, ExprKind, Keyword};

use super::literals::TUPLE;
use super::statements::attribute_loc;
use super::{Compiler, STACK_USE_GUIDELINE};
use crate::errors::Compiled;
use crate::instruction::{Label, Loc};
use crate::symtable::{BlockKey, BlockRole, Scope, symbol};

fn is_starred(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Starred { .. })
}

impl<'a> Compiler<'a, '_> {
    pub(super) fn call(&mut self, expr: &'a Expr) -> Compiled<()> {
        let ExprKind::Call { func, args, keywords } = &expr.kind else {
            return Ok(());
        };
        self.check_repeated_keywords(keywords)?;
        if self.method_call(expr, func, args, keywords)? {
            return Ok(());
        }
        let skip = self.new_label();
        self.check_caller(func);
        self.expr(func)?;
        self.inlined_call(func, args, keywords, skip)?;
        self.op(Op::PushNull, func.location.into());
        self.call_helper(0, args, None, keywords, expr.location.into())?;
        self.use_label(skip);
        Ok(())
    }

    fn check_repeated_keywords(&self, keywords: &[Keyword]) -> Compiled<()> {
        for (index, keyword) in keywords.iter().enumerate() {
            let Some(name) = &keyword.arg else {
                continue;
            };
            let repeated = keywords[index + 1..].iter().find(|other| other.arg.as_ref() == Some(name));
            if let Some(other) = repeated {
                let msg = format!("keyword argument repeated: {name}");
                return self.error(other.location.into(), msg);
            }
        }
        Ok(())
    }

    /// A call of an attribute that needs no bound method; false if it is not of that kind.
    fn method_call(
        &mut self,
        expr: &'a Expr,
        func: &'a Expr,
        args: &'a [Expr],
        keywords: &'a [Keyword],
    ) -> Compiled<bool> {
        let ExprKind::Attribute { value, attr, ctx: ExprContext::Load } = &func.kind else {
            return Ok(false);
        };
        let count = args.len() + keywords.len() + usize::from(!keywords.is_empty());
        if self.is_imported(value)
            || count >= STACK_USE_GUIDELINE
            || args.iter().any(is_starred)
            || keywords.iter().any(|keyword| keyword.arg.is_none())
        {
            return Ok(false);
        }
        let mut loc = Loc::from(func.location);
        if self.can_optimize_super(value, attr) {
            self.load_super_args(value)?;
            self.super_attribute(value, attr, true, loc);
            loc = attribute_loc(loc, func);
            self.op(Op::Nop, loc);
        } else {
            self.expr(value)?;
            loc = attribute_loc(loc, func);
            let mangled = self.maybe_mangle(attr);
            let number = self.unit_mut().names.number(mangled);
            self.op_arg(Op::LoadAttr, number << 1 | 1, loc);
        }
        self.exprs(args)?;
        let call_loc = attribute_loc(expr.location.into(), func);
        if keywords.is_empty() {
            self.op_arg(Op::Call, args.len(), call_loc);
        } else {
            self.keyword_values(keywords, loc)?;
            self.op_arg(Op::CallKw, args.len() + keywords.len(), call_loc);
        }
        Ok(true)
    }

    /// Whether a name is bound by an import at module level.
    fn is_imported(&self, value: &Expr) -> bool {
        match &value.kind {
            ExprKind::Name { id, .. } => self.table.block(self.table.top).bits(id) & symbol::DEF_IMPORT != 0,
            _ => false,
        }
    }

    fn keyword_values(&mut self, keywords: &'a [Keyword], loc: Loc) -> Compiled<()> {
        for keyword in keywords {
            self.expr(&keyword.value)?;
        }
        let names = keywords.iter().filter_map(|keyword| keyword.arg.clone());
        self.load_const(Constant::Tuple(names.map(Constant::Str).collect()), loc);
        Ok(())
    }

    /// Whether `super().attr` or `super(a, b).attr` needs no super object.
    pub(super) fn can_optimize_super(&self, value: &Expr, attr: &WStr) -> bool {
        let ExprKind::Call { func, args, keywords } = &value.kind else {
            return false;
        };
        let ExprKind::Name { id, .. } = &func.kind else {
            return false;
        };
        if *id != "super" || *attr == "__class__" || !keywords.is_empty() {
            return false;
        }
        if self.block().scope(id) != Scope::GlobalImplicit
            || self.table.block(self.table.top).scope(id) != Scope::Unknown
        {
            return false;
        }
        match args.len() {
            2 => !args.iter().any(is_starred),
            0 => {
                let unit = self.unit();
                (unit.args.args > 0 || unit.args.posonly > 0)
                    && self.reference_scope(&WStr::from("__class__")) == Scope::Free
            }
            _ => false,
        }
    }

    pub(super) fn load_super_args(&mut self, value: &'a Expr) -> Compiled<()> {
        let ExprKind::Call { func, args, .. } = &value.kind else {
            return Ok(());
        };
        self.load_name(&WStr::from("super"), func.location.into())?;
        if args.len() == 2 {
            return self.exprs(args);
        }
        let loc = Loc::from(value.location);
        self.load_name(&WStr::from("__class__"), loc)?;
        let first = self.unit().varnames.keys().next().cloned();
        first.map_or(Ok(()), |name| self.load_name(&name, loc))
    }

    pub(super) fn super_attribute(&mut self, value: &Expr, attr: &WStr, method: bool, loc: Loc) {
        let two_args = matches!(&value.kind, ExprKind::Call { args, .. } if !args.is_empty());
        let mangled = self.maybe_mangle(attr);
        let number = self.unit_mut().names.number(mangled);
        let bits = usize::from(two_args) << 1 | usize::from(method);
        self.op_arg(Op::LoadSuperAttr, number << 2 | bits, loc);
    }

    /// `all(...)`, `any(...)` and `tuple(...)` of a generator expression loop in place, if the
    /// name still means the builtin at run time.
    fn inlined_call(&mut self, func: &'a Expr, args: &'a [Expr], keywords: &[Keyword], end: Label) -> Compiled<()> {
        let (ExprKind::Name { id, .. }, [arg]) = (&func.kind, args) else {
            return Ok(());
        };
        if !keywords.is_empty() || !matches!(arg.kind, ExprKind::GeneratorExp { .. }) {
            return Ok(());
        }
        let block = self.table.lookup(BlockKey::new(arg, BlockRole::Body));
        if block.is_some_and(|block| self.table.block(block).coroutine) {
            return Ok(());
        }
        let skip = self.new_label();
        let builtin = match id.as_str() {
            Some("all") => CommonConstant::All,
            Some("any") => CommonConstant::Any,
            Some("tuple") => CommonConstant::Tuple,
            _ => {
                self.use_label(skip);
                return Ok(());
            }
        };
        let loc = Loc::from(func.location);
        let is_tuple = builtin == CommonConstant::Tuple;
        let is_all = builtin == CommonConstant::All;
        self.op_arg(Op::Copy, 1, loc);
        self.op_arg(Op::LoadCommonConstant, builtin as usize, loc);
        self.compare_op(CmpOp::Is, loc);
        self.jump(Op::PopJumpIfFalse, skip, loc);
        self.op(Op::PopTop, loc);
        if is_tuple {
            self.op_arg(Op::BuildList, 0, loc);
        }
        self.expr(arg)?;
        let (head, cleanup) = (self.new_label(), self.new_label());
        self.use_label(head);
        self.jump(Op::ForIter, cleanup, loc);
        if is_tuple {
            self.op_arg(Op::ListAppend, 2, loc);
            self.jump(Op::Jump, head, loc);
        } else {
            self.op(Op::ToBool, loc);
            let go_on = if is_all { Op::PopJumpIfTrue } else { Op::PopJumpIfFalse };
            self.jump(go_on, head, loc);
        }
        self.op(Op::PopIter, Loc::NONE);
        if !is_tuple {
            self.load_const(Constant::from_bool(!is_all), loc);
        }
        self.jump(Op::Jump, end, loc);
        self.use_label(cleanup);
        self.op(Op::EndFor, Loc::NONE);
        self.op(Op::PopIter, Loc::NONE);
        if is_tuple {
            self.op_arg(Op::CallIntrinsic1, Intrinsic1::ListToTuple as usize, loc);
        } else {
            self.load_const(Constant::from_bool(is_all), loc);
        }
        self.jump(Op::Jump, end, loc);
        self.use_label(skip);
        Ok(())
    }

    /// The arguments and the call itself; `pushed` arguments are on the stack already.
    pub(super) fn call_helper(
        &mut self,
        pushed: usize,
        args: &'a [Expr],
        injected: Option<&WStr>,
        keywords: &'a [Keyword],
        loc: Loc,
    ) -> Compiled<()> {
        self.check_repeated_keywords(keywords)?;
        let big = args.len() + keywords.len() * 2 > STACK_USE_GUIDELINE;
        let unpacks = args.iter().any(is_starred) || keywords.iter().any(|keyword| keyword.arg.is_none());
        if big || unpacks {
            return self.call_ex(pushed, args, injected, keywords, loc);
        }
        self.exprs(args)?;
        let mut count = pushed + args.len();
        if let Some(name) = injected {
            self.load_name(name, loc)?;
            count += 1;
        }
        if keywords.is_empty() {
            self.op_arg(Op::Call, count, loc);
        } else {
            self.keyword_values(keywords, loc)?;
            self.op_arg(Op::CallKw, count + keywords.len(), loc);
        }
        Ok(())
    }

    fn call_ex(
        &mut self,
        pushed: usize,
        args: &'a [Expr],
        injected: Option<&WStr>,
        keywords: &'a [Keyword],
        loc: Loc,
    ) -> Compiled<()> {
        match args {
            [Expr { kind: ExprKind::Starred { value, .. }, .. }] if pushed == 0 => {
                self.expr(value)?;
            }
            _ => self.display(args, injected, pushed, TUPLE, loc)?,
        }
        if keywords.is_empty() {
            self.op(Op::PushNull, loc);
            self.op(Op::CallFunctionEx, loc);
            return Ok(());
        }
        let mut have_dict = false;
        let mut pending = 0;
        for (index, keyword) in keywords.iter().enumerate() {
            if keyword.arg.is_some() {
                pending += 1;
                continue;
            }
            if pending > 0 {
                self.keyword_dict(&keywords[index - pending..index], loc)?;
                if have_dict {
                    self.op_arg(Op::DictMerge, 1, loc);
                }
                have_dict = true;
                pending = 0;
            }
            if !have_dict {
                self.op_arg(Op::BuildMap, 0, loc);
                have_dict = true;
            }
            self.expr(&keyword.value)?;
            self.op_arg(Op::DictMerge, 1, loc);
        }
        if pending > 0 {
            self.keyword_dict(&keywords[keywords.len() - pending..], loc)?;
            if have_dict {
                self.op_arg(Op::DictMerge, 1, loc);
            }
        }
        self.op(Op::CallFunctionEx, loc);
        Ok(())
    }

    fn keyword_dict(&mut self, keywords: &'a [Keyword], loc: Loc) -> Compiled<()> {
        let big = keywords.len() * 2 > STACK_USE_GUIDELINE;
        if big {
            self.op_arg(Op::BuildMap, 0, Loc::NONE);
        }
        for keyword in keywords {
            let name = keyword.arg.clone().unwrap_or_default();
            self.load_const(Constant::Str(name), loc);
            self.expr(&keyword.value)?;
            if big {
                self.op_arg(Op::MapAdd, 1, Loc::NONE);
            }
        }
        if !big {
            self.op_arg(Op::BuildMap, keywords.len(), loc);
        }
        Ok(())
    }
}
