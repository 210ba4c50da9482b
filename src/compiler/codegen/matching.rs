//! The `match` statement.
//!
//! A pattern takes its subject from the top of the stack.  On failure it jumps to a label that
//! pops what the pattern still has there; captures are stored under everything else and bound
//! only when the whole pattern matches.

use pyrs_bytecode::{AnyOpcode as Op, BinaryOp, ConstKey, Constant, WStr};
use pyrs_parser::ast::{CmpOp, Expr, ExprKind, MatchCase, Pattern, PatternKind};

use super::Compiler;
use crate::errors::Compiled;
use crate::instruction::{Label, Loc};

/// What is known while a pattern is compiled.
#[derive(Clone, Default)]
struct PatternContext {
    /// The captures, in the order in which they lie on the stack.
    stores: Vec<WStr>,
    allow_irrefutable: bool,
    /// `fail_pop[n]` pops n items and fails.
    fail_pop: Vec<Label>,
    /// How many items on top of the stack must stay there.
    on_top: usize,
}

fn is_wildcard(pattern: &Pattern) -> bool {
    matches!(pattern.kind, PatternKind::MatchAs { name: None, .. })
}

impl<'a> Compiler<'a, '_> {
    pub(super) fn match_stmt(&mut self, subject: &'a Expr, cases: &'a [MatchCase]) -> Compiled<()> {
        self.expr(subject)?;
        let end = self.new_label();
        let Some((last, firsts)) = cases.split_last() else {
            return Ok(());
        };
        let has_default = is_wildcard(&last.pattern) && cases.len() > 1;
        let refutable = if has_default { firsts } else { cases };
        for (index, case) in refutable.iter().enumerate() {
            let keep_subject = index + 1 < refutable.len() || has_default && index + 1 < refutable.len();
            self.match_case(case, keep_subject, index + 1 == cases.len(), end)?;
        }
        if has_default {
            let loc = Loc::from(last.pattern.location);
            self.op(Op::Nop, loc);
            if let Some(guard) = &last.guard {
                self.jump_if(guard, end, false, loc)?;
            }
            self.stmts(&last.body)?;
        }
        self.use_label(end);
        Ok(())
    }

    fn match_case(&mut self, case: &'a MatchCase, keep_subject: bool, last: bool, end: Label) -> Compiled<()> {
        let loc = Loc::from(case.pattern.location);
        if keep_subject {
            self.op_arg(Op::Copy, 1, loc);
        }
        let mut context =
            PatternContext { allow_irrefutable: case.guard.is_some() || last, ..PatternContext::default() };
        self.pattern(&case.pattern, &mut context)?;
        for name in context.stores.clone() {
            self.store_name(&name, loc)?;
        }
        if let Some(guard) = &case.guard {
            self.ensure_fail_pop(&mut context, 0);
            let fail = context.fail_pop[0];
            self.jump_if(guard, fail, false, loc)?;
        }
        if keep_subject {
            self.op(Op::PopTop, Loc::NEXT);
        }
        self.stmts(&case.body)?;
        self.jump(Op::Jump, end, Loc::NONE);
        self.emit_fail_pop(&mut context, loc);
        Ok(())
    }

    fn ensure_fail_pop(&mut self, context: &mut PatternContext, pops: usize) {
        while context.fail_pop.len() <= pops {
            let label = self.new_label();
            context.fail_pop.push(label);
        }
    }

    fn jump_to_fail(&mut self, context: &mut PatternContext, op: Op, loc: Loc) {
        let pops = context.on_top + context.stores.len();
        self.ensure_fail_pop(context, pops);
        let target = context.fail_pop[pops];
        self.jump(op, target, loc);
    }

    fn emit_fail_pop(&mut self, context: &mut PatternContext, loc: Loc) {
        let labels = std::mem::take(&mut context.fail_pop);
        for (pops, label) in labels.into_iter().enumerate().rev() {
            self.use_label(label);
            if pops > 0 {
                self.op(Op::PopTop, loc);
            }
        }
    }

    /// Moves the top of the stack under the `count - 1` items below it.
    fn rotate(&mut self, count: usize, loc: Loc) {
        for depth in (2..=count).rev() {
            self.op_arg(Op::Swap, depth, loc);
        }
    }

    fn capture(&mut self, name: Option<&WStr>, context: &mut PatternContext, loc: Loc) -> Compiled<()> {
        let Some(name) = name else {
            self.op(Op::PopTop, loc);
            return Ok(());
        };
        if context.stores.contains(name) {
            return self.duplicate_capture(name, loc);
        }
        self.rotate(context.on_top + context.stores.len() + 1, loc);
        context.stores.push(name.clone());
        Ok(())
    }

    fn duplicate_capture<T>(&self, name: &WStr, loc: Loc) -> Compiled<T> {
        self.error(loc, format!("multiple assignments to name '{name}' in pattern"))
    }

    fn subpattern(&mut self, pattern: &'a Pattern, context: &mut PatternContext) -> Compiled<()> {
        let before = std::mem::replace(&mut context.allow_irrefutable, true);
        self.pattern(pattern, context)?;
        context.allow_irrefutable = before;
        Ok(())
    }

    fn pattern(&mut self, pattern: &'a Pattern, context: &mut PatternContext) -> Compiled<()> {
        pyrs_parser::with_stack(|| self.pattern_kind(pattern, context))
    }

    fn pattern_kind(&mut self, pattern: &'a Pattern, context: &mut PatternContext) -> Compiled<()> {
        let loc = Loc::from(pattern.location);
        match &pattern.kind {
            PatternKind::MatchValue { value } => {
                if !matches!(value.kind, ExprKind::Constant { .. } | ExprKind::Attribute { .. }) {
                    return self.error(loc, "patterns may only match literals and attribute lookups");
                }
                self.expr(value)?;
                self.compare_op(CmpOp::Eq, loc);
                self.op(Op::ToBool, loc);
                self.jump_to_fail(context, Op::PopJumpIfFalse, loc);
                Ok(())
            }
            PatternKind::MatchSingleton { value } => {
                self.load_const(value.clone(), loc);
                self.compare_op(CmpOp::Is, loc);
                self.jump_to_fail(context, Op::PopJumpIfFalse, loc);
                Ok(())
            }
            PatternKind::MatchSequence { patterns } => self.sequence_pattern(patterns, context, loc),
            PatternKind::MatchMapping { keys, patterns, rest } => {
                self.mapping_pattern(keys, patterns, rest.as_ref(), context, loc)
            }
            PatternKind::MatchClass { cls, patterns, kwd_attrs, kwd_patterns } => {
                self.class_pattern(cls, patterns, kwd_attrs, kwd_patterns, context, loc)
            }
            PatternKind::MatchStar { name } => self.capture(name.as_ref(), context, loc),
            PatternKind::MatchAs { pattern: None, name } => {
                if !context.allow_irrefutable {
                    let msg = match name {
                        Some(name) => {
                            format!("name capture '{name}' makes remaining patterns unreachable")
                        }
                        None => "wildcard makes remaining patterns unreachable".into(),
                    };
                    return self.error(loc, msg);
                }
                self.capture(name.as_ref(), context, loc)
            }
            PatternKind::MatchAs { pattern: Some(inner), name } => {
                context.on_top += 1;
                self.op_arg(Op::Copy, 1, loc);
                self.pattern(inner, context)?;
                context.on_top -= 1;
                self.capture(name.as_ref(), context, loc)
            }
            PatternKind::MatchOr { patterns } => self.or_pattern(patterns, context, loc),
        }
    }

    fn length_check(&mut self, size: usize, op: CmpOp, context: &mut PatternContext, loc: Loc) {
        self.op(Op::GetLen, loc);
        self.load_const(Constant::Int(size as i64), loc);
        self.compare_op(op, loc);
        self.jump_to_fail(context, Op::PopJumpIfFalse, loc);
    }

    fn sequence_pattern(&mut self, patterns: &'a [Pattern], context: &mut PatternContext, loc: Loc) -> Compiled<()> {
        let mut star = None;
        let mut star_wildcard = false;
        let mut only_wildcard = true;
        for (index, pattern) in patterns.iter().enumerate() {
            if let PatternKind::MatchStar { name } = &pattern.kind {
                if star.is_some() {
                    return self.error(loc, "multiple starred names in sequence pattern");
                }
                star_wildcard = name.is_none();
                only_wildcard &= star_wildcard;
                star = Some(index);
            } else {
                only_wildcard &= is_wildcard(pattern);
            }
        }
        let size = patterns.len();
        context.on_top += 1;
        self.op(Op::MatchSequence, loc);
        self.jump_to_fail(context, Op::PopJumpIfFalse, loc);
        if star.is_none() {
            self.length_check(size, CmpOp::Eq, context, loc);
        } else if size > 1 {
            self.length_check(size - 1, CmpOp::GtE, context, loc);
        }
        context.on_top -= 1;
        match star {
            _ if only_wildcard => {
                self.op(Op::PopTop, loc);
                Ok(())
            }
            Some(star) if star_wildcard => self.indexed_sequence(patterns, star, context, loc),
            _ => self.unpacked_sequence(patterns, star, context, loc),
        }
    }

    fn unpacked_sequence(
        &mut self,
        patterns: &'a [Pattern],
        star: Option<usize>,
        context: &mut PatternContext,
        loc: Loc,
    ) -> Compiled<()> {
        let size = patterns.len();
        match star {
            Some(before) => {
                let after = size - before - 1;
                if before >= 1 << 8 || after >= (i32::MAX >> 8) as usize {
                    return self.error(loc, "too many expressions in star-unpacking sequence pattern");
                }
                self.op_arg(Op::UnpackEx, before + (after << 8), loc);
            }
            None => self.op_arg(Op::UnpackSequence, size, loc),
        }
        context.on_top += size;
        for pattern in patterns {
            context.on_top -= 1;
            self.subpattern(pattern, context)?;
        }
        Ok(())
    }

    /// A sequence with `*_`: the elements are taken by index.
    fn indexed_sequence(
        &mut self,
        patterns: &'a [Pattern],
        star: usize,
        context: &mut PatternContext,
        loc: Loc,
    ) -> Compiled<()> {
        context.on_top += 1;
        let size = patterns.len();
        for (index, pattern) in patterns.iter().enumerate() {
            if is_wildcard(pattern) || index == star {
                continue;
            }
            self.op_arg(Op::Copy, 1, loc);
            if index < star {
                self.load_const(Constant::Int(index as i64), loc);
            } else {
                self.op(Op::GetLen, loc);
                self.load_const(Constant::Int((size - index) as i64), loc);
                self.op_arg(Op::BinaryOp, BinaryOp::Subtract as usize, loc);
            }
            self.op_arg(Op::BinaryOp, BinaryOp::Subscript as usize, loc);
            self.subpattern(pattern, context)?;
        }
        context.on_top -= 1;
        self.op(Op::PopTop, loc);
        Ok(())
    }

    fn not_none_check(&mut self, context: &mut PatternContext, loc: Loc) {
        self.op_arg(Op::Copy, 1, loc);
        self.load_none(loc);
        self.op_arg(Op::IsOp, 1, loc);
        let _ = context;
    }

    fn class_pattern(
        &mut self,
        cls: &'a Expr,
        patterns: &'a [Pattern],
        attrs: &'a [WStr],
        attr_patterns: &'a [Pattern],
        context: &mut PatternContext,
        loc: Loc,
    ) -> Compiled<()> {
        if attrs.len() != attr_patterns.len() {
            let msg = format!(
                "kwd_attrs ({}) / kwd_patterns ({}) length mismatch in class pattern",
                attrs.len(),
                attr_patterns.len()
            );
            return self.error(loc, msg);
        }
        for (index, attr) in attrs.iter().enumerate() {
            if let Some(other) = attrs[index + 1..].iter().position(|other| other == attr) {
                let place = attr_patterns[index + 1 + other].location.into();
                let msg = format!("attribute name repeated in class pattern: {attr}");
                return self.error(place, msg);
            }
        }
        self.expr(cls)?;
        let names = attrs.iter().cloned().map(Constant::Str).collect();
        self.load_const(Constant::Tuple(names), loc);
        self.op_arg(Op::MatchClass, patterns.len(), loc);
        self.not_none_check(context, loc);
        context.on_top += 1;
        self.jump_to_fail(context, Op::PopJumpIfFalse, loc);
        let total = patterns.len() + attrs.len();
        self.op_arg(Op::UnpackSequence, total, loc);
        context.on_top += total;
        context.on_top -= 1;
        for pattern in patterns.iter().chain(attr_patterns) {
            context.on_top = context.on_top.wrapping_sub(1);
            if is_wildcard(pattern) {
                self.op(Op::PopTop, loc);
                continue;
            }
            self.subpattern(pattern, context)?;
        }
        Ok(())
    }

    fn mapping_pattern(
        &mut self,
        keys: &'a [Expr],
        patterns: &'a [Pattern],
        rest: Option<&WStr>,
        context: &mut PatternContext,
        loc: Loc,
    ) -> Compiled<()> {
        let size = keys.len();
        if size != patterns.len() {
            let msg = format!("keys ({size}) / patterns ({}) length mismatch in mapping pattern", patterns.len());
            return self.error(loc, msg);
        }
        context.on_top += 1;
        self.op(Op::MatchMapping, loc);
        self.jump_to_fail(context, Op::PopJumpIfFalse, loc);
        if size == 0 && rest.is_none() {
            context.on_top -= 1;
            self.op(Op::PopTop, loc);
            return Ok(());
        }
        if size > 0 {
            self.length_check(size, CmpOp::GtE, context, loc);
        }
        self.mapping_keys(keys, loc)?;
        self.op_arg(Op::BuildTuple, size, loc);
        self.op(Op::MatchKeys, loc);
        context.on_top += 2;
        self.not_none_check(context, loc);
        self.jump_to_fail(context, Op::PopJumpIfFalse, loc);
        self.op_arg(Op::UnpackSequence, size, loc);
        context.on_top = (context.on_top + size) - 1;
        for pattern in patterns {
            context.on_top -= 1;
            self.subpattern(pattern, context)?;
        }
        context.on_top -= 2;
        if rest.is_none() {
            self.op(Op::PopTop, loc);
            self.op(Op::PopTop, loc);
            return Ok(());
        }
        // rest = dict(subject), without the keys.
        self.op_arg(Op::BuildMap, 0, loc);
        self.op_arg(Op::Swap, 3, loc);
        self.op_arg(Op::DictUpdate, 2, loc);
        self.op_arg(Op::UnpackSequence, size, loc);
        for left in (1..=size).rev() {
            self.op_arg(Op::Copy, 1 + left, loc);
            self.op_arg(Op::Swap, 2, loc);
            self.op(Op::DeleteSubscr, loc);
        }
        self.capture(rest, context, loc)
    }

    fn mapping_keys(&mut self, keys: &'a [Expr], loc: Loc) -> Compiled<()> {
        let mut seen: Vec<ConstKey> = Vec::new();
        for key in keys {
            match &key.kind {
                ExprKind::Constant { value, .. } => {
                    let found = equality_key(value);
                    if seen.contains(&found) {
                        let shown = crate::unparse::constant_repr(value);
                        let msg = format!("mapping pattern checks duplicate key ({shown})");
                        return self.error(loc, msg);
                    }
                    seen.push(found);
                }
                ExprKind::Attribute { .. } => {}
                _ => {
                    let msg = "mapping pattern keys may only match literals and attribute lookups";
                    return self.error(loc, msg);
                }
            }
            self.expr(key)?;
        }
        Ok(())
    }

    fn or_pattern(&mut self, patterns: &'a [Pattern], context: &mut PatternContext, loc: Loc) -> Compiled<()> {
        let end = self.new_label();
        let mut control: Option<Vec<WStr>> = None;
        for (index, alternative) in patterns.iter().enumerate() {
            let alt_loc = Loc::from(alternative.location);
            let mut inner = PatternContext {
                allow_irrefutable: index + 1 == patterns.len() && context.allow_irrefutable,
                ..PatternContext::default()
            };
            self.op_arg(Op::Copy, 1, alt_loc);
            self.pattern(alternative, &mut inner)?;
            match &control {
                None => control = Some(inner.stores.clone()),
                Some(control) => {
                    if !self.align_captures(control, &mut inner, alt_loc) {
                        return self.error(loc, "alternative patterns bind different names");
                    }
                }
            }
            self.jump(Op::Jump, end, alt_loc);
            self.emit_fail_pop(&mut inner, alt_loc);
        }
        let control = control.unwrap_or_default();
        self.op(Op::PopTop, loc);
        self.jump_to_fail(context, Op::Jump, loc);
        self.use_label(end);
        let rotations = control.len() + 1 + context.on_top + context.stores.len();
        for name in control {
            self.rotate(rotations, loc);
            if context.stores.contains(&name) {
                return self.duplicate_capture(&name, loc);
            }
            context.stores.push(name);
        }
        self.op(Op::PopTop, loc);
        Ok(())
    }

    /// Brings an alternative's captures into the order of the first one's.
    fn align_captures(&mut self, control: &[WStr], inner: &mut PatternContext, loc: Loc) -> bool {
        if inner.stores.len() != control.len() {
            return false;
        }
        for (wanted, name) in control.iter().enumerate().rev() {
            let Some(found) = inner.stores.iter().position(|store| store == name) else {
                return false;
            };
            if wanted == found {
                continue;
            }
            let rotated: Vec<WStr> = inner.stores.drain(..=found).collect();
            let at = wanted - found;
            let rotations = rotated.len();
            inner.stores.splice(at..at, rotated);
            for _ in 0..rotations {
                self.rotate(wanted + 1, loc);
            }
        }
        true
    }
}

/// A key by which Python calls two constants equal: `1`, `1.0` and `True` are.
fn equality_key(value: &Constant) -> ConstKey {
    match value {
        Constant::True => ConstKey::Int(1),
        Constant::False => ConstKey::Int(0),
        Constant::Float(float) if *float == float.trunc() && float.abs() < 9e15 => ConstKey::Int(*float as i64),
        Constant::Complex { real, imag } if *imag == 0.0 => equality_key(&Constant::Float(*real)),
        other => other.key(),
    }
}
