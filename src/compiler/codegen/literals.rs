//! Displays, unpacking and interpolated strings.

use pyrs_bytecode::{AnyOpcode as Op, BinaryOp, Constant, Conversion, Intrinsic1, WStr};
use pyrs_parser::ast::{Expr, ExprContext, ExprKind};

use super::{Compiler, STACK_USE_GUIDELINE};
use crate::errors::Compiled;
use crate::instruction::Loc;

/// The instructions of a kind of display.
#[derive(Clone, Copy)]
pub(super) struct Display {
    build: Op,
    add: Op,
    extend: Op,
    tuple: bool,
}

const LIST: Display = Display { build: Op::BuildList, add: Op::ListAppend, extend: Op::ListExtend, tuple: false };
pub(super) const TUPLE: Display = Display { tuple: true, ..LIST };
const SET: Display = Display { build: Op::BuildSet, add: Op::SetAdd, extend: Op::SetUpdate, tuple: false };

impl<'a> Compiler<'a, '_> {
    pub(super) fn list(&mut self, elts: &'a [Expr], ctx: ExprContext, loc: Loc) -> Compiled<()> {
        match ctx {
            ExprContext::Store => self.unpack(elts, loc),
            ExprContext::Load => self.display(elts, None, 0, LIST, loc),
            ExprContext::Del => self.exprs(elts),
        }
    }

    pub(super) fn tuple(&mut self, elts: &'a [Expr], ctx: ExprContext, loc: Loc) -> Compiled<()> {
        match ctx {
            ExprContext::Store => self.unpack(elts, loc),
            ExprContext::Load => self.display(elts, None, 0, TUPLE, loc),
            ExprContext::Del => self.exprs(elts),
        }
    }

    pub(super) fn set(&mut self, elts: &'a [Expr], loc: Loc) -> Compiled<()> {
        self.display(elts, None, 0, SET, loc)
    }

    /// Builds a display of elements, `pushed` of them on the stack already, and an extra name.
    pub(super) fn display(
        &mut self,
        elts: &'a [Expr],
        injected: Option<&WStr>,
        pushed: usize,
        display: Display,
        loc: Loc,
    ) -> Compiled<()> {
        let total = elts.len() + pushed + usize::from(injected.is_some());
        let big = total > STACK_USE_GUIDELINE;
        let starred = |elt: &Expr| matches!(elt.kind, ExprKind::Starred { .. });
        if !big && !elts.iter().any(starred) {
            self.exprs(elts)?;
            if let Some(name) = injected {
                self.load_name(name, loc)?;
            }
            let op = if display.tuple { Op::BuildTuple } else { display.build };
            self.op_arg(op, total, loc);
            return Ok(());
        }
        let mut built = false;
        if big {
            self.op_arg(display.build, pushed, loc);
            built = true;
        }
        for (index, elt) in elts.iter().enumerate() {
            match &elt.kind {
                ExprKind::Starred { value, .. } => {
                    if !built {
                        self.op_arg(display.build, index + pushed, loc);
                        built = true;
                    }
                    self.expr(value)?;
                    self.op_arg(display.extend, 1, loc);
                }
                _ => {
                    self.expr(elt)?;
                    if built {
                        self.op_arg(display.add, 1, loc);
                    }
                }
            }
        }
        if let Some(name) = injected {
            self.load_name(name, loc)?;
            self.op_arg(display.add, 1, loc);
        }
        if display.tuple {
            self.op_arg(Op::CallIntrinsic1, Intrinsic1::ListToTuple as usize, loc);
        }
        Ok(())
    }

    fn unpack(&mut self, elts: &'a [Expr], loc: Loc) -> Compiled<()> {
        let starred: Vec<usize> = elts
            .iter()
            .enumerate()
            .filter(|(_, elt)| matches!(elt.kind, ExprKind::Starred { .. }))
            .map(|(index, _)| index)
            .collect();
        match starred.first() {
            None => self.op_arg(Op::UnpackSequence, elts.len(), loc),
            Some(&before) => {
                let after = elts.len() - before - 1;
                if before >= 1 << 8 || after >= (i32::MAX >> 8) as usize {
                    return self.error(loc, "too many expressions in star-unpacking assignment");
                }
                if starred.len() > 1 {
                    return self.error(loc, "multiple starred expressions in assignment");
                }
                self.op_arg(Op::UnpackEx, before + (after << 8), loc);
            }
        }
        for elt in elts {
            match &elt.kind {
                ExprKind::Starred { value, .. } => self.expr(value)?,
                _ => self.expr(elt)?,
            }
        }
        Ok(())
    }

    pub(super) fn dict(&mut self, keys: &'a [Option<Expr>], values: &'a [Expr], loc: Loc) -> Compiled<()> {
        let mut have_dict = false;
        let mut pending = 0;
        for (index, key) in keys.iter().enumerate() {
            if key.is_none() {
                if pending > 0 {
                    self.dict_part(keys, values, index - pending..index, loc)?;
                    self.merge_if(have_dict, loc);
                    have_dict = true;
                    pending = 0;
                }
                if !have_dict {
                    self.op_arg(Op::BuildMap, 0, loc);
                    have_dict = true;
                }
                self.expr(&values[index])?;
                self.op_arg(Op::DictUpdate, 1, loc);
            } else if pending * 2 > STACK_USE_GUIDELINE {
                self.dict_part(keys, values, index - pending..index + 1, loc)?;
                self.merge_if(have_dict, loc);
                have_dict = true;
                pending = 0;
            } else {
                pending += 1;
            }
        }
        if pending > 0 {
            self.dict_part(keys, values, keys.len() - pending..keys.len(), loc)?;
            self.merge_if(have_dict, loc);
            have_dict = true;
        }
        if !have_dict {
            self.op_arg(Op::BuildMap, 0, loc);
        }
        Ok(())
    }

    fn merge_if(&mut self, have_dict: bool, loc: Loc) {
        if have_dict {
            self.op_arg(Op::DictUpdate, 1, loc);
        }
    }

    fn dict_part(
        &mut self,
        keys: &'a [Option<Expr>],
        values: &'a [Expr],
        range: std::ops::Range<usize>,
        loc: Loc,
    ) -> Compiled<()> {
        let count = range.len();
        let big = count * 2 > STACK_USE_GUIDELINE;
        if big {
            self.op_arg(Op::BuildMap, 0, loc);
        }
        for index in range {
            if let Some(key) = &keys[index] {
                self.expr(key)?;
            }
            self.expr(&values[index])?;
            if big {
                self.op_arg(Op::MapAdd, 1, loc);
            }
        }
        if !big {
            self.op_arg(Op::BuildMap, count, loc);
        }
        Ok(())
    }

    pub(super) fn joined_str(&mut self, values: &'a [Expr], loc: Loc) -> Compiled<()> {
        if values.len() > STACK_USE_GUIDELINE {
            self.load_const(Constant::Str(WStr::default()), loc);
            let number = self.unit_mut().names.number(WStr::from("join"));
            self.op_arg(Op::LoadAttr, number << 1 | 1, loc);
            self.op_arg(Op::BuildList, 0, loc);
            for value in values {
                self.expr(value)?;
                self.op_arg(Op::ListAppend, 1, loc);
            }
            self.op_arg(Op::Call, 1, loc);
            return Ok(());
        }
        self.exprs(values)?;
        match values.len() {
            0 => self.load_const(Constant::Str(WStr::default()), loc),
            1 => {}
            count => self.op_arg(Op::BuildString, count, loc),
        }
        Ok(())
    }

    pub(super) fn template_str(&mut self, values: &'a [Expr], loc: Loc) -> Compiled<()> {
        let is_field = |value: &Expr| matches!(value.kind, ExprKind::Interpolation { .. });
        let empty = || Constant::Str(WStr::default());
        let mut strings = 0;
        let mut after_field = true;
        let mut index = 0;
        while index < values.len() {
            if is_field(&values[index]) {
                if after_field {
                    self.load_const(empty(), loc);
                    strings += 1;
                }
                after_field = true;
                index += 1;
                continue;
            }
            self.expr(&values[index])?;
            index += 1;
            while index < values.len() && !is_field(&values[index]) {
                self.expr(&values[index])?;
                self.op_arg(Op::BinaryOp, BinaryOp::InplaceAdd as usize, loc);
                index += 1;
            }
            strings += 1;
            after_field = false;
        }
        if after_field {
            self.load_const(empty(), loc);
            strings += 1;
        }
        self.op_arg(Op::BuildTuple, strings, loc);
        let mut fields = 0;
        for value in values.iter().filter(|value| is_field(value)) {
            self.expr(value)?;
            fields += 1;
        }
        self.op_arg(Op::BuildTuple, fields, loc);
        self.op(Op::BuildTemplate, loc);
        Ok(())
    }

    pub(super) fn interpolation(
        &mut self,
        value: &'a Expr,
        text: &Constant,
        conversion: i64,
        format_spec: Option<&'a Expr>,
        loc: Loc,
    ) -> Compiled<()> {
        self.expr(value)?;
        self.load_const(text.clone(), loc);
        let mut arg = 2;
        if let Some(spec) = format_spec {
            arg += 1;
            self.expr(spec)?;
        }
        arg |= (conversion_of(conversion) as usize) << 2;
        self.op_arg(Op::BuildInterpolation, arg, loc);
        Ok(())
    }

    pub(super) fn formatted_value(
        &mut self,
        value: &'a Expr,
        conversion: i64,
        format_spec: Option<&'a Expr>,
        loc: Loc,
    ) -> Compiled<()> {
        self.expr(value)?;
        let conversion = conversion_of(conversion);
        if conversion != Conversion::None {
            self.op_arg(Op::ConvertValue, conversion as usize, loc);
        }
        match format_spec {
            Some(spec) => {
                self.expr(spec)?;
                self.op(Op::FormatWithSpec, loc);
            }
            None => self.op(Op::FormatSimple, loc),
        }
        Ok(())
    }
}

/// The conversion of a replacement field by its letter's code.
fn conversion_of(code: i64) -> Conversion {
    match u8::try_from(code) {
        Ok(b's') => Conversion::Str,
        Ok(b'r') => Conversion::Repr,
        Ok(b'a') => Conversion::Ascii,
        _ => Conversion::None,
    }
}
