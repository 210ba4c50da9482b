//! Loops, `try`, `with`, and leaving them by `return`, `break` and `continue`.

use pyrs_bytecode::{AnyOpcode as Op, Intrinsic1, Intrinsic2, SpecialMethod, WStr, resume};
use pyrs_parser::ast::{ExceptHandler, ExceptHandlerKind, Expr, ExprContext, Stmt, WithItem};

use super::Compiler;
use crate::errors::Compiled;
use crate::instruction::{Label, Loc};
use crate::unit::{FrameBlock, FrameBlockData, FrameBlockKind};

impl<'a> Compiler<'a, '_> {
    pub(super) fn if_stmt(&mut self, test: &'a Expr, body: &'a [Stmt], orelse: &'a [Stmt], loc: Loc) -> Compiled<()> {
        let end = self.new_label();
        let next = if orelse.is_empty() { end } else { self.new_label() };
        self.jump_if(test, next, false, loc)?;
        self.stmts(body)?;
        if !orelse.is_empty() {
            self.jump(Op::JumpNoInterrupt, end, Loc::NONE);
            self.use_label(next);
            self.stmts(orelse)?;
        }
        self.use_label(end);
        Ok(())
    }

    pub(super) fn while_loop(
        &mut self,
        test: &'a Expr,
        body: &'a [Stmt],
        orelse: &'a [Stmt],
        loc: Loc,
    ) -> Compiled<()> {
        let (head, end, anchor) = (self.new_label(), self.new_label(), self.new_label());
        self.use_label(head);
        let kind = FrameBlockKind::WhileLoop;
        self.push_frame_block(kind, Some(head), Some(end), loc, FrameBlockData::Nothing)?;
        self.jump_if(test, anchor, false, loc)?;
        self.stmts(body)?;
        self.jump(Op::Jump, head, Loc::NONE);
        self.pop_frame_block();
        self.use_label(anchor);
        self.stmts(orelse)?;
        self.use_label(end);
        Ok(())
    }

    pub(super) fn for_loop(
        &mut self,
        target: &'a Expr,
        iter: &'a Expr,
        body: &'a [Stmt],
        orelse: &'a [Stmt],
        stmt_loc: Loc,
    ) -> Compiled<()> {
        let (start, cleanup, end) = (self.new_label(), self.new_label(), self.new_label());
        let kind = FrameBlockKind::ForLoop;
        self.push_frame_block(kind, Some(start), Some(end), stmt_loc, FrameBlockData::Nothing)?;
        self.expr(iter)?;
        let loc = Loc::from(iter.location);
        self.op(Op::GetIter, loc);
        self.use_label(start);
        self.jump(Op::ForIter, cleanup, loc);
        // Keeps the target's line; removed if it is the same.
        self.op(Op::Nop, target.location.into());
        self.expr(target)?;
        self.stmts(body)?;
        self.jump(Op::Jump, start, Loc::NONE);
        self.use_label(cleanup);
        self.op(Op::EndFor, Loc::NONE);
        self.op(Op::PopIter, Loc::NONE);
        self.pop_frame_block();
        self.stmts(orelse)?;
        self.use_label(end);
        Ok(())
    }

    pub(super) fn async_for_loop(
        &mut self,
        target: &'a Expr,
        iter: &'a Expr,
        body: &'a [Stmt],
        orelse: &'a [Stmt],
        loc: Loc,
    ) -> Compiled<()> {
        let (start, send) = (self.new_label(), self.new_label());
        let (except, end) = (self.new_label(), self.new_label());
        self.expr(iter)?;
        let iter_loc = Loc::from(iter.location);
        self.op(Op::GetAiter, iter_loc);
        self.use_label(start);
        let kind = FrameBlockKind::ForLoop;
        self.push_frame_block(kind, Some(start), Some(end), loc, FrameBlockData::Nothing)?;
        self.jump(Op::SetupFinally, except, loc);
        self.op(Op::GetAnext, loc);
        self.load_none(loc);
        self.use_label(send);
        self.yield_from(true, loc);
        self.op(Op::PopBlock, loc);
        self.op(Op::NotTaken, loc);
        self.expr(target)?;
        self.stmts(body)?;
        self.jump(Op::Jump, start, Loc::NONE);
        self.pop_frame_block();
        self.use_label(except);
        self.jump(Op::EndAsyncFor, send, iter_loc);
        self.stmts(orelse)?;
        self.use_label(end);
        Ok(())
    }

    /// Delegates to the iterator under the value on the stack.
    pub(super) fn yield_from(&mut self, is_await: bool, loc: Loc) {
        let (send, fail, exit) = (self.new_label(), self.new_label(), self.new_label());
        self.use_label(send);
        self.jump(Op::Send, exit, loc);
        // Only `close` and `throw` raise here.
        self.jump(Op::SetupFinally, fail, loc);
        self.op_arg(Op::YieldValue, 1, loc);
        self.op(Op::PopBlock, Loc::NONE);
        let place = if is_await { resume::AFTER_AWAIT } else { resume::AFTER_YIELD_FROM };
        self.op_arg(Op::Resume, place as usize, loc);
        self.jump(Op::JumpNoInterrupt, send, loc);
        self.use_label(fail);
        self.op(Op::CleanupThrow, loc);
        self.use_label(exit);
        self.op(Op::EndSend, loc);
    }

    pub(super) fn break_stmt(&mut self, origin: Loc) -> Compiled<()> {
        let mut loc = origin;
        self.op(Op::Nop, loc);
        let Some(found) = self.unwind_to_loop(&mut loc)? else {
            return self.error(origin, "'break' outside loop");
        };
        self.unwind(&mut loc, &found, false)?;
        if let Some(exit) = found.exit {
            self.jump(Op::Jump, exit, loc);
        }
        Ok(())
    }

    pub(super) fn continue_stmt(&mut self, origin: Loc) -> Compiled<()> {
        let mut loc = origin;
        self.op(Op::Nop, loc);
        let Some(found) = self.unwind_to_loop(&mut loc)? else {
            return self.error(origin, "'continue' not properly in loop");
        };
        if let Some(start) = found.start {
            self.jump(Op::Jump, start, loc);
        }
        Ok(())
    }

    /// Undoes all blocks, for a `return`.
    pub(super) fn unwind_all(&mut self, loc: &mut Loc, preserve: bool) -> Compiled<()> {
        self.unwind_stack(loc, preserve, false).map(|_| ())
    }

    fn unwind_to_loop(&mut self, loc: &mut Loc) -> Compiled<Option<FrameBlock<'a>>> {
        self.unwind_stack(loc, false, true)
    }

    /// Undoes blocks from the innermost on; with `to_loop`, up to a loop, which is returned.
    fn unwind_stack(&mut self, loc: &mut Loc, preserve: bool, to_loop: bool) -> Compiled<Option<FrameBlock<'a>>> {
        let Some(top) = self.unit().frame_blocks.last().cloned() else {
            return Ok(None);
        };
        if top.kind == FrameBlockKind::ExceptionGroupHandler {
            return self.error(*loc, "'break', 'continue' and 'return' cannot appear in an except* block");
        }
        let is_loop = matches!(top.kind, FrameBlockKind::WhileLoop | FrameBlockKind::ForLoop);
        if to_loop && is_loop {
            return Ok(Some(top));
        }
        self.pop_frame_block();
        self.unwind(loc, &top, preserve)?;
        let found = self.unwind_stack(loc, preserve, to_loop)?;
        self.push_frame_block(top.kind, top.start, top.exit, top.loc, top.data)?;
        Ok(found)
    }

    fn swap_if(&mut self, preserve: bool, loc: Loc) {
        if preserve {
            self.op_arg(Op::Swap, 2, loc);
        }
    }

    /// Undoes one block.  With `preserve` the value on top of the stack stays there.
    fn unwind(&mut self, loc: &mut Loc, block: &FrameBlock<'a>, preserve: bool) -> Compiled<()> {
        match block.kind {
            FrameBlockKind::WhileLoop
            | FrameBlockKind::ExceptionHandler
            | FrameBlockKind::ExceptionGroupHandler
            | FrameBlockKind::AsyncComprehension
            | FrameBlockKind::StopIteration => {}
            FrameBlockKind::ForLoop | FrameBlockKind::PopValue => {
                self.swap_if(preserve, *loc);
                self.op(Op::PopTop, *loc);
            }
            FrameBlockKind::TryExcept => self.op(Op::PopBlock, *loc),
            FrameBlockKind::FinallyTry => {
                self.op(Op::PopBlock, *loc);
                if preserve {
                    let kind = FrameBlockKind::PopValue;
                    self.push_frame_block(kind, None, None, *loc, FrameBlockData::Nothing)?;
                }
                if let FrameBlockData::Finally(body) = block.data {
                    self.stmts(body)?;
                }
                if preserve {
                    self.pop_frame_block();
                }
                // The finally block runs after the statement that leaves it.
                *loc = Loc::NONE;
            }
            FrameBlockKind::FinallyEnd => {
                self.swap_if(preserve, *loc);
                self.op(Op::PopTop, *loc);
                self.swap_if(preserve, *loc);
                self.op(Op::PopBlock, *loc);
                self.op(Op::PopExcept, *loc);
            }
            FrameBlockKind::With | FrameBlockKind::AsyncWith => {
                *loc = block.loc;
                self.op(Op::PopBlock, *loc);
                if preserve {
                    self.op_arg(Op::Swap, 3, *loc);
                    self.op_arg(Op::Swap, 2, *loc);
                }
                self.call_exit_with_nones(*loc);
                if block.kind == FrameBlockKind::AsyncWith {
                    self.op_arg(Op::GetAwaitable, 2, *loc);
                    self.load_none(*loc);
                    self.yield_from(true, *loc);
                }
                self.op(Op::PopTop, *loc);
                *loc = Loc::NONE;
            }
            FrameBlockKind::HandlerCleanup => {
                let name = match &block.data {
                    FrameBlockData::Name(name) => Some(name.clone()),
                    _ => None,
                };
                if name.is_some() {
                    self.op(Op::PopBlock, *loc);
                }
                self.swap_if(preserve, *loc);
                self.op(Op::PopBlock, *loc);
                self.op(Op::PopExcept, *loc);
                if let Some(name) = name {
                    self.clear_name(&name, *loc)?;
                }
            }
        }
        Ok(())
    }

    /// `name = None; del name`.
    fn clear_name(&mut self, name: &WStr, loc: Loc) -> Compiled<()> {
        self.load_none(loc);
        self.name_op(name, ExprContext::Store, loc)?;
        self.name_op(name, ExprContext::Del, loc)
    }

    fn call_exit_with_nones(&mut self, loc: Loc) {
        for _ in 0..3 {
            self.load_none(loc);
        }
        self.op_arg(Op::Call, 3, loc);
    }

    fn pop_except_and_reraise(&mut self, loc: Loc) {
        self.op_arg(Op::Copy, 3, loc);
        self.op(Op::PopExcept, loc);
        self.op_arg(Op::Reraise, 1, loc);
    }

    pub(super) fn try_stmt(
        &mut self,
        body: &'a [Stmt],
        handlers: &'a [ExceptHandler],
        orelse: &'a [Stmt],
        finalbody: &'a [Stmt],
        star: bool,
        loc: Loc,
    ) -> Compiled<()> {
        if finalbody.is_empty() {
            return self.try_handlers(body, handlers, orelse, star, loc);
        }
        let (start, end) = (self.new_label(), self.new_label());
        let (exit, cleanup) = (self.new_label(), self.new_label());
        self.jump(Op::SetupFinally, end, loc);
        self.use_label(start);
        let data = FrameBlockData::Finally(finalbody);
        self.push_frame_block(FrameBlockKind::FinallyTry, Some(start), Some(end), loc, data)?;
        if handlers.is_empty() {
            self.stmts(body)?;
        } else {
            self.try_handlers(body, handlers, orelse, star, loc)?;
        }
        self.op(Op::PopBlock, Loc::NONE);
        self.pop_frame_block();
        self.stmts(finalbody)?;
        self.jump(Op::JumpNoInterrupt, exit, Loc::NONE);
        self.use_label(end);
        self.jump(Op::SetupCleanup, cleanup, Loc::NONE);
        self.op(Op::PushExcInfo, Loc::NONE);
        let kind = FrameBlockKind::FinallyEnd;
        self.push_frame_block(kind, Some(end), None, Loc::NONE, FrameBlockData::Nothing)?;
        self.stmts(finalbody)?;
        self.pop_frame_block();
        self.op_arg(Op::Reraise, 0, Loc::NONE);
        self.use_label(cleanup);
        self.pop_except_and_reraise(Loc::NONE);
        self.use_label(exit);
        Ok(())
    }

    fn try_handlers(
        &mut self,
        body: &'a [Stmt],
        handlers: &'a [ExceptHandler],
        orelse: &'a [Stmt],
        star: bool,
        loc: Loc,
    ) -> Compiled<()> {
        if star {
            return self.try_star_except(body, handlers, orelse, loc);
        }
        let (start, except) = (self.new_label(), self.new_label());
        let (end, cleanup) = (self.new_label(), self.new_label());
        self.jump(Op::SetupFinally, except, loc);
        self.try_body(start, body, loc)?;
        self.stmts(orelse)?;
        self.jump(Op::JumpNoInterrupt, end, Loc::NONE);
        self.use_label(except);
        self.jump(Op::SetupCleanup, cleanup, Loc::NONE);
        self.op(Op::PushExcInfo, Loc::NONE);
        let kind = FrameBlockKind::ExceptionHandler;
        self.push_frame_block(kind, None, None, loc, FrameBlockData::Nothing)?;
        for (index, handler) in handlers.iter().enumerate() {
            let last = index + 1 == handlers.len();
            self.except_handler(handler, last, end)?;
        }
        self.pop_frame_block();
        self.op_arg(Op::Reraise, 0, Loc::NONE);
        self.use_label(cleanup);
        self.pop_except_and_reraise(Loc::NONE);
        self.use_label(end);
        Ok(())
    }

    fn try_body(&mut self, start: Label, body: &'a [Stmt], loc: Loc) -> Compiled<()> {
        self.use_label(start);
        let kind = FrameBlockKind::TryExcept;
        self.push_frame_block(kind, Some(start), None, loc, FrameBlockData::Nothing)?;
        self.stmts(body)?;
        self.pop_frame_block();
        self.op(Op::PopBlock, Loc::NONE);
        Ok(())
    }

    fn except_handler(&mut self, handler: &'a ExceptHandler, last: bool, end: Label) -> Compiled<()> {
        let ExceptHandlerKind::ExceptHandler { type_, name, body } = &handler.kind;
        let loc = Loc::from(handler.location);
        if type_.is_none() && !last {
            return self.error(loc, "default 'except:' must be last");
        }
        let next = self.new_label();
        if let Some(type_) = type_ {
            self.expr(type_)?;
            self.op(Op::CheckExcMatch, loc);
            self.jump(Op::PopJumpIfFalse, next, loc);
        }
        match name {
            Some(name) => self.named_handler(name, body, end, loc)?,
            None => {
                let start = self.new_label();
                self.op(Op::PopTop, loc);
                self.use_label(start);
                let kind = FrameBlockKind::HandlerCleanup;
                self.push_frame_block(kind, Some(start), None, loc, FrameBlockData::Nothing)?;
                self.stmts(body)?;
                self.pop_frame_block();
                self.op(Op::PopBlock, Loc::NONE);
                self.op(Op::PopExcept, Loc::NONE);
                self.jump(Op::JumpNoInterrupt, end, Loc::NONE);
            }
        }
        self.use_label(next);
        Ok(())
    }

    /// `except type as name`: the name is cleared however the body ends.
    fn named_handler(&mut self, name: &WStr, body: &'a [Stmt], end: Label, loc: Loc) -> Compiled<()> {
        let (cleanup_end, start) = (self.new_label(), self.new_label());
        self.store_name(name, loc)?;
        self.jump(Op::SetupCleanup, cleanup_end, loc);
        self.use_label(start);
        let data = FrameBlockData::Name(name.clone());
        self.push_frame_block(FrameBlockKind::HandlerCleanup, Some(start), None, loc, data)?;
        self.stmts(body)?;
        self.pop_frame_block();
        self.op(Op::PopBlock, Loc::NONE);
        self.op(Op::PopBlock, Loc::NONE);
        self.op(Op::PopExcept, Loc::NONE);
        self.clear_name(name, Loc::NONE)?;
        self.jump(Op::JumpNoInterrupt, end, Loc::NONE);
        self.use_label(cleanup_end);
        self.clear_name(name, Loc::NONE)?;
        self.op_arg(Op::Reraise, 1, Loc::NONE);
        Ok(())
    }

    fn try_star_except(
        &mut self,
        body: &'a [Stmt],
        handlers: &'a [ExceptHandler],
        orelse: &'a [Stmt],
        loc: Loc,
    ) -> Compiled<()> {
        let (start, except, otherwise) = (self.new_label(), self.new_label(), self.new_label());
        let (end, cleanup, reraise_star) = (self.new_label(), self.new_label(), self.new_label());
        self.jump(Op::SetupFinally, except, loc);
        self.try_body(start, body, loc)?;
        self.jump(Op::JumpNoInterrupt, otherwise, Loc::NONE);
        self.use_label(except);
        self.jump(Op::SetupCleanup, cleanup, Loc::NONE);
        self.op(Op::PushExcInfo, Loc::NONE);
        let kind = FrameBlockKind::ExceptionGroupHandler;
        self.push_frame_block(kind, None, None, loc, FrameBlockData::Nothing)?;
        for (index, handler) in handlers.iter().enumerate() {
            if index == 0 {
                // The list of raised exceptions, and the group to take them from.
                let loc = Loc::from(handler.location);
                self.op_arg(Op::BuildList, 0, loc);
                self.op_arg(Op::Copy, 2, loc);
            }
            let last = index + 1 == handlers.len();
            self.star_handler(handler, last, reraise_star)?;
        }
        self.pop_frame_block();
        let reraise = self.new_label();
        self.use_label(reraise_star);
        self.op_arg(Op::CallIntrinsic2, Intrinsic2::PrepReraiseStar as usize, Loc::NONE);
        self.op_arg(Op::Copy, 1, Loc::NONE);
        self.jump(Op::PopJumpIfNotNone, reraise, Loc::NONE);
        self.op(Op::PopTop, Loc::NONE);
        self.op(Op::PopBlock, Loc::NONE);
        self.op(Op::PopExcept, Loc::NONE);
        self.jump(Op::JumpNoInterrupt, end, Loc::NONE);
        self.use_label(reraise);
        self.op(Op::PopBlock, Loc::NONE);
        self.op_arg(Op::Swap, 2, Loc::NONE);
        self.op(Op::PopExcept, Loc::NONE);
        self.op_arg(Op::Reraise, 0, Loc::NONE);
        self.use_label(cleanup);
        self.pop_except_and_reraise(Loc::NONE);
        self.use_label(otherwise);
        self.stmts(orelse)?;
        self.use_label(end);
        Ok(())
    }

    fn star_handler(&mut self, handler: &'a ExceptHandler, last: bool, reraise_star: Label) -> Compiled<()> {
        let ExceptHandlerKind::ExceptHandler { type_, name, body } = &handler.kind;
        let loc = Loc::from(handler.location);
        let (next, with_error, no_match) = (self.new_label(), self.new_label(), self.new_label());
        if let Some(type_) = type_ {
            self.expr(type_)?;
            self.op(Op::CheckEgMatch, loc);
            self.op_arg(Op::Copy, 1, loc);
            self.jump(Op::PopJumpIfNone, no_match, loc);
        }
        let (cleanup_end, start) = (self.new_label(), self.new_label());
        match name {
            Some(name) => self.store_name(name, loc)?,
            None => self.op(Op::PopTop, loc),
        }
        self.jump(Op::SetupCleanup, cleanup_end, loc);
        self.use_label(start);
        let data = name.clone().map_or(FrameBlockData::Nothing, FrameBlockData::Name);
        self.push_frame_block(FrameBlockKind::HandlerCleanup, Some(start), None, loc, data)?;
        self.stmts(body)?;
        self.pop_frame_block();
        self.op(Op::PopBlock, Loc::NONE);
        if let Some(name) = name {
            self.clear_name(name, Loc::NONE)?;
        }
        self.jump(Op::JumpNoInterrupt, next, Loc::NONE);
        self.use_label(cleanup_end);
        if let Some(name) = name {
            self.clear_name(name, Loc::NONE)?;
        }
        self.op_arg(Op::ListAppend, 3, Loc::NONE);
        self.op(Op::PopTop, Loc::NONE);
        self.jump(Op::JumpNoInterrupt, with_error, Loc::NONE);
        self.use_label(next);
        self.op(Op::Nop, Loc::NONE);
        self.jump(Op::JumpNoInterrupt, with_error, Loc::NONE);
        self.use_label(no_match);
        self.op(Op::PopTop, loc);
        self.use_label(with_error);
        if last {
            self.op_arg(Op::ListAppend, 1, Loc::NONE);
            self.jump(Op::JumpNoInterrupt, reraise_star, Loc::NONE);
        }
        Ok(())
    }

    pub(super) fn with_stmt(&mut self, items: &'a [WithItem], body: &'a [Stmt]) -> Compiled<()> {
        self.with_item(items, body, false)
    }

    pub(super) fn async_with_stmt(&mut self, items: &'a [WithItem], body: &'a [Stmt]) -> Compiled<()> {
        self.with_item(items, body, true)
    }

    fn await_result(&mut self, kind: usize, loc: Loc) {
        self.op_arg(Op::GetAwaitable, kind, loc);
        self.load_none(loc);
        self.yield_from(true, loc);
    }

    fn with_item(&mut self, items: &'a [WithItem], body: &'a [Stmt], is_async: bool) -> Compiled<()> {
        let Some((item, rest)) = items.split_first() else {
            return self.stmts(body);
        };
        let (start, on_error) = (self.new_label(), self.new_label());
        let (exit, cleanup) = (self.new_label(), self.new_label());
        self.expr(&item.context_expr)?;
        let loc = Loc::from(item.context_expr.location);
        let (exit_method, enter_method, kind) = if is_async {
            (SpecialMethod::AsyncExit, SpecialMethod::AsyncEnter, FrameBlockKind::AsyncWith)
        } else {
            (SpecialMethod::Exit, SpecialMethod::Enter, FrameBlockKind::With)
        };
        self.op_arg(Op::Copy, 1, loc);
        self.op_arg(Op::LoadSpecial, exit_method as usize, loc);
        self.op_arg(Op::Swap, 2, loc);
        self.op_arg(Op::Swap, 3, loc);
        self.op_arg(Op::LoadSpecial, enter_method as usize, loc);
        self.op_arg(Op::Call, 0, loc);
        if is_async {
            self.await_result(1, loc);
        }
        self.jump(Op::SetupWith, on_error, loc);
        self.use_label(start);
        let nothing = FrameBlockData::Nothing;
        self.push_frame_block(kind, Some(start), Some(on_error), loc, nothing)?;
        match &item.optional_vars {
            Some(target) => self.expr(target)?,
            None => self.op(Op::PopTop, loc),
        }
        if rest.is_empty() {
            self.stmts(body)?;
        } else {
            self.with_item(rest, body, is_async)?;
        }
        if is_async {
            self.pop_frame_block();
            self.op(Op::PopBlock, loc);
        } else {
            self.op(Op::PopBlock, Loc::NONE);
            self.pop_frame_block();
        }
        self.call_exit_with_nones(loc);
        if is_async {
            self.await_result(2, loc);
        }
        self.op(Op::PopTop, loc);
        self.jump(Op::Jump, exit, loc);
        self.use_label(on_error);
        self.jump(Op::SetupCleanup, cleanup, loc);
        self.op(Op::PushExcInfo, loc);
        self.op(Op::WithExceptStart, loc);
        if is_async {
            self.await_result(2, loc);
        }
        self.with_except_finish(cleanup);
        self.use_label(exit);
        Ok(())
    }

    fn with_except_finish(&mut self, cleanup: Label) {
        let suppress = self.new_label();
        self.op(Op::ToBool, Loc::NONE);
        self.jump(Op::PopJumpIfTrue, suppress, Loc::NONE);
        self.op_arg(Op::Reraise, 2, Loc::NONE);
        self.use_label(suppress);
        self.op(Op::PopTop, Loc::NONE);
        self.op(Op::PopBlock, Loc::NONE);
        self.op(Op::PopExcept, Loc::NONE);
        for _ in 0..3 {
            self.op(Op::PopTop, Loc::NONE);
        }
        let exit = self.new_label();
        self.jump(Op::JumpNoInterrupt, exit, Loc::NONE);
        self.use_label(cleanup);
        self.pop_except_and_reraise(Loc::NONE);
        self.use_label(exit);
    }

    /// Turns a `StopIteration` that escapes a generator's body into a `RuntimeError`.
    pub(super) fn wrap_in_stop_iteration_handler(&mut self) {
        let handler = self.new_label();
        self.code().insert_first(Op::SetupCleanup, handler.0 as i32, Loc::NONE);
        self.load_none(Loc::NONE);
        self.op(Op::ReturnValue, Loc::NONE);
        self.use_label(handler);
        let intrinsic = Intrinsic1::StopIterationError as usize;
        self.op_arg(Op::CallIntrinsic1, intrinsic, Loc::NONE);
        self.op_arg(Op::Reraise, 1, Loc::NONE);
    }
}
