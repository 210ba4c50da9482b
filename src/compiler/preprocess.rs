//! Changes of the tree before the symbol table is made: `__debug__`, constant patterns,
//! `"..." % (...)` as an f-string, docstrings dropped by `-OO`, and the warnings of PEP 765.

use pyrs_bytecode::{BinaryOp, Constant, WStr, co_flags};
use pyrs_parser::ast::{
    Arguments, Comprehension, ExceptHandlerKind, Expr, ExprContext, ExprKind, Location, Mod, Operator, Pattern,
    PatternKind, Stmt, StmtKind, TypeParam, TypeParamKind, UnaryOp,
};
use pyrs_parser::{SyntaxWarningInfo, WarningKind, with_stack};

use crate::folding;

/// Whether a statement is a docstring.
pub fn is_docstring(stmt: &Stmt) -> bool {
    docstring_text(stmt).is_some()
}

/// The text of a docstring.
pub fn docstring_text(stmt: &Stmt) -> Option<&WStr> {
    match &stmt.kind {
        StmtKind::Expr { value } => match &value.kind {
            ExprKind::Constant { value: Constant::Str(text), .. } => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// The text of the docstring of a body.
pub fn body_docstring(body: &[Stmt]) -> Option<&WStr> {
    body.first().and_then(docstring_text)
}

/// Where a jump out of a `finally` block would be.
#[derive(Clone, Copy, Default)]
struct ControlFlow {
    in_finally: bool,
    in_function: bool,
    in_loop: bool,
}

/// The state of the pass.
pub struct Preprocessor<'w> {
    optimize: u8,
    future_annotations: bool,
    /// Only look for warnings; leave the tree alone.
    check_only: bool,
    contexts: Vec<ControlFlow>,
    warn: &'w mut dyn FnMut(SyntaxWarningInfo),
}

impl<'w> Preprocessor<'w> {
    /// A pass for an optimization level and `__future__` flags.
    pub fn new(
        optimize: u8,
        flags: u32,
        check_only: bool,
        warn: &'w mut dyn FnMut(SyntaxWarningInfo),
    ) -> Preprocessor<'w> {
        Preprocessor {
            optimize,
            future_annotations: flags & co_flags::FUTURE_ANNOTATIONS != 0,
            check_only,
            contexts: Vec::new(),
            warn,
        }
    }

    /// Runs the pass.
    pub fn run(&mut self, tree: &mut Mod) {
        match tree {
            Mod::Module { body, .. } => self.docstring_body(body),
            Mod::Interactive { body } => self.body(body),
            Mod::Expression { body } => self.expr(body),
            Mod::FunctionType { .. } => {}
        }
    }

    fn body(&mut self, body: &mut [Stmt]) {
        for stmt in body {
            with_stack(|| self.stmt(stmt));
        }
    }

    fn docstring_body(&mut self, body: &mut Vec<Stmt>) {
        let mut docstring = body_docstring(body).is_some();
        if docstring && self.optimize >= 2 && !self.check_only {
            body.remove(0);
            docstring = false;
        }
        self.body(body);
        if !docstring && body_docstring(body).is_some() && !self.check_only {
            // What came to stand first by accident must not become the docstring.
            let location = body[0].location;
            if let StmtKind::Expr { value } = &mut body[0].kind {
                let inner = std::mem::replace(value.as_mut(), placeholder(location));
                **value = Expr::new(ExprKind::JoinedStr { values: vec![inner] }, location);
            }
        }
    }

    fn within(&mut self, context: ControlFlow, step: impl FnOnce(&mut Self)) {
        self.contexts.push(context);
        step(self);
        self.contexts.pop();
    }

    fn function_body(&mut self, body: &mut Vec<Stmt>) {
        self.within(ControlFlow { in_function: true, ..ControlFlow::default() }, |p| {
            p.docstring_body(body);
        });
    }

    fn loop_body(&mut self, body: &mut [Stmt]) {
        self.within(ControlFlow { in_loop: true, ..ControlFlow::default() }, |p| p.body(body));
    }

    fn finally_body(&mut self, body: &mut [Stmt]) {
        self.within(ControlFlow { in_finally: true, ..ControlFlow::default() }, |p| p.body(body));
    }

    fn warn_in_finally(&mut self, keyword: &str, location: Location) {
        (self.warn)(SyntaxWarningInfo {
            kind: WarningKind::Syntax,
            msg: format!("'{keyword}' in a 'finally' block"),
            lineno: location.lineno,
            offset: location.col_offset + 1,
            end_lineno: location.end_lineno,
            end_offset: location.end_col_offset + 1,
        });
    }

    fn stmt(&mut self, stmt: &mut Stmt) {
        let location = stmt.location;
        let context = self.contexts.last().copied().unwrap_or_default();
        match &mut stmt.kind {
            StmtKind::FunctionDef { args, body, decorator_list, returns, type_params, .. }
            | StmtKind::AsyncFunctionDef { args, body, decorator_list, returns, type_params, .. } => {
                self.type_params(type_params);
                self.arguments(args);
                self.function_body(body);
                self.exprs(decorator_list);
                if !self.future_annotations {
                    self.optional(returns);
                }
            }
            StmtKind::ClassDef { bases, keywords, body, decorator_list, type_params, .. } => {
                self.type_params(type_params);
                self.exprs(bases);
                for keyword in keywords {
                    self.expr(&mut keyword.value);
                }
                self.docstring_body(body);
                self.exprs(decorator_list);
            }
            StmtKind::Return { value } => {
                if context.in_finally && !context.in_function {
                    self.warn_in_finally("return", location);
                }
                self.optional(value);
            }
            StmtKind::Break {} | StmtKind::Continue {} => {
                let keyword = if matches!(stmt.kind, StmtKind::Break {}) { "break" } else { "continue" };
                if context.in_finally && !context.in_loop {
                    self.warn_in_finally(keyword, location);
                }
            }
            StmtKind::Delete { targets } => self.exprs(targets),
            StmtKind::Assign { targets, value, .. } => {
                self.exprs(targets);
                self.expr(value);
            }
            StmtKind::TypeAlias { name, type_params, value } => {
                self.expr(name);
                self.type_params(type_params);
                self.expr(value);
            }
            StmtKind::AugAssign { target, value, .. } => {
                self.expr(target);
                self.expr(value);
            }
            StmtKind::AnnAssign { target, annotation, value, .. } => {
                self.expr(target);
                if !self.future_annotations {
                    self.expr(annotation);
                }
                self.optional(value);
            }
            StmtKind::For { target, iter, body, orelse, .. }
            | StmtKind::AsyncFor { target, iter, body, orelse, .. } => {
                self.expr(target);
                self.expr(iter);
                self.loop_body(body);
                self.body(orelse);
            }
            StmtKind::While { test, body, orelse } => {
                self.expr(test);
                self.loop_body(body);
                self.body(orelse);
            }
            StmtKind::If { test, body, orelse } => {
                self.expr(test);
                self.body(body);
                self.body(orelse);
            }
            StmtKind::With { items, body, .. } | StmtKind::AsyncWith { items, body, .. } => {
                for item in items {
                    self.expr(&mut item.context_expr);
                    self.optional(&mut item.optional_vars);
                }
                self.body(body);
            }
            StmtKind::Match { subject, cases } => {
                self.expr(subject);
                for case in cases {
                    self.pattern(&mut case.pattern);
                    self.optional(&mut case.guard);
                    self.body(&mut case.body);
                }
            }
            StmtKind::Raise { exc, cause } => {
                self.optional(exc);
                self.optional(cause);
            }
            StmtKind::Try { body, handlers, orelse, finalbody }
            | StmtKind::TryStar { body, handlers, orelse, finalbody } => {
                self.body(body);
                for handler in handlers {
                    let ExceptHandlerKind::ExceptHandler { type_, body, .. } = &mut handler.kind;
                    self.optional(type_);
                    self.body(body);
                }
                self.body(orelse);
                self.finally_body(finalbody);
            }
            StmtKind::Assert { test, msg } => {
                self.expr(test);
                self.optional(msg);
            }
            StmtKind::Expr { value } => self.expr(value),
            StmtKind::Import { .. }
            | StmtKind::ImportFrom { .. }
            | StmtKind::Global { .. }
            | StmtKind::Nonlocal { .. }
            | StmtKind::Pass {} => {}
        }
    }

    fn exprs(&mut self, exprs: &mut [Expr]) {
        for expr in exprs {
            self.expr(expr);
        }
    }

    fn optional(&mut self, expr: &mut Option<Box<Expr>>) {
        if let Some(expr) = expr {
            self.expr(expr);
        }
    }

    fn expr(&mut self, expr: &mut Expr) {
        with_stack(|| self.expr_kind(&mut expr.kind));
        if self.check_only {
            return;
        }
        match &mut expr.kind {
            ExprKind::BinOp { .. } => fold_format(expr),
            ExprKind::Name { id, ctx: ExprContext::Load } if *id == "__debug__" => {
                let value = Constant::from_bool(self.optimize == 0);
                expr.kind = ExprKind::Constant { value, kind: None };
            }
            _ => {}
        }
    }

    fn expr_kind(&mut self, kind: &mut ExprKind) {
        match kind {
            ExprKind::BoolOp { values, .. } | ExprKind::JoinedStr { values } | ExprKind::TemplateStr { values } => {
                self.exprs(values)
            }
            ExprKind::Set { elts } | ExprKind::List { elts, .. } | ExprKind::Tuple { elts, .. } => {
                self.exprs(elts);
            }
            ExprKind::NamedExpr { value, .. }
            | ExprKind::UnaryOp { operand: value, .. }
            | ExprKind::Await { value }
            | ExprKind::YieldFrom { value }
            | ExprKind::Attribute { value, .. }
            | ExprKind::Starred { value, .. } => self.expr(value),
            ExprKind::Yield { value } => self.optional(value),
            ExprKind::BinOp { left, right, .. } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Lambda { args, body } => {
                self.arguments(args);
                self.expr(body);
            }
            ExprKind::IfExp { test, body, orelse } => {
                self.expr(test);
                self.expr(body);
                self.expr(orelse);
            }
            ExprKind::Dict { keys, values } => {
                keys.iter_mut().flatten().for_each(|key| self.expr(key));
                self.exprs(values);
            }
            ExprKind::ListComp { elt, generators }
            | ExprKind::SetComp { elt, generators }
            | ExprKind::GeneratorExp { elt, generators } => {
                self.expr(elt);
                self.generators(generators);
            }
            ExprKind::DictComp { key, value, generators } => {
                self.expr(key);
                self.expr(value);
                self.generators(generators);
            }
            ExprKind::Compare { left, comparators, .. } => {
                self.expr(left);
                self.exprs(comparators);
            }
            ExprKind::Call { func, args, keywords } => {
                self.expr(func);
                self.exprs(args);
                for keyword in keywords {
                    self.expr(&mut keyword.value);
                }
            }
            ExprKind::FormattedValue { value, format_spec, .. }
            | ExprKind::Interpolation { value, format_spec, .. } => {
                self.expr(value);
                self.optional(format_spec);
            }
            ExprKind::Subscript { value, slice, .. } => {
                self.expr(value);
                self.expr(slice);
            }
            ExprKind::Slice { lower, upper, step } => {
                self.optional(lower);
                self.optional(upper);
                self.optional(step);
            }
            ExprKind::Constant { .. } | ExprKind::Name { .. } => {}
        }
    }

    fn generators(&mut self, generators: &mut [Comprehension]) {
        for generator in generators {
            self.expr(&mut generator.target);
            self.expr(&mut generator.iter);
            self.exprs(&mut generator.ifs);
        }
    }

    fn arguments(&mut self, args: &mut Arguments) {
        if !self.future_annotations {
            let all = args.posonlyargs.iter_mut().chain(&mut args.args).chain(&mut args.kwonlyargs);
            for arg in all {
                self.optional(&mut arg.annotation);
            }
            for arg in args.vararg.iter_mut().chain(&mut args.kwarg) {
                self.optional(&mut arg.annotation);
            }
        }
        args.kw_defaults.iter_mut().flatten().for_each(|default| self.expr(default));
        self.exprs(&mut args.defaults);
    }

    fn type_params(&mut self, params: &mut [TypeParam]) {
        for param in params {
            match &mut param.kind {
                TypeParamKind::TypeVar { bound, default_value, .. } => {
                    self.optional(bound);
                    self.optional(default_value);
                }
                TypeParamKind::ParamSpec { default_value, .. } | TypeParamKind::TypeVarTuple { default_value, .. } => {
                    self.optional(default_value)
                }
            }
        }
    }

    fn pattern(&mut self, pattern: &mut Pattern) {
        with_stack(|| match &mut pattern.kind {
            PatternKind::MatchValue { value } => self.pattern_constant(value),
            PatternKind::MatchSingleton { .. } | PatternKind::MatchStar { .. } => {}
            PatternKind::MatchSequence { patterns } | PatternKind::MatchOr { patterns } => {
                patterns.iter_mut().for_each(|pattern| self.pattern(pattern));
            }
            PatternKind::MatchMapping { keys, patterns, .. } => {
                keys.iter_mut().for_each(|key| self.pattern_constant(key));
                patterns.iter_mut().for_each(|pattern| self.pattern(pattern));
            }
            PatternKind::MatchClass { cls, patterns, kwd_patterns, .. } => {
                self.expr(cls);
                patterns.iter_mut().for_each(|pattern| self.pattern(pattern));
                kwd_patterns.iter_mut().for_each(|pattern| self.pattern(pattern));
            }
            PatternKind::MatchAs { pattern, .. } => {
                if let Some(pattern) = pattern {
                    self.pattern(pattern);
                }
            }
        });
    }

    /// Folds the sign and the sum of a number in a pattern.
    fn pattern_constant(&mut self, expr: &mut Expr) {
        if self.check_only {
            return;
        }
        let folded = match &mut expr.kind {
            ExprKind::UnaryOp { op: UnaryOp::USub, operand } => constant(operand).and_then(folding::negative),
            ExprKind::BinOp { left, op: op @ (Operator::Add | Operator::Sub), right } => {
                self.pattern_constant(left);
                let op = if *op == Operator::Add { BinaryOp::Add } else { BinaryOp::Subtract };
                match (constant(left), constant(right)) {
                    (Some(left), Some(right)) => folding::binary(left, op, right),
                    _ => None,
                }
            }
            _ => None,
        };
        if let Some(value) = folded {
            expr.kind = ExprKind::Constant { value, kind: None };
        }
    }
}

fn constant(expr: &Expr) -> Option<&Constant> {
    match &expr.kind {
        ExprKind::Constant { value, .. } => Some(value),
        _ => None,
    }
}

fn placeholder(location: Location) -> Expr {
    Expr::new(ExprKind::Constant { value: Constant::None, kind: None }, location)
}

const NOWHERE: Location = Location { lineno: -1, col_offset: -1, end_lineno: -1, end_col_offset: -1 };

fn text_constant(text: String) -> Expr {
    let value = Constant::Str(WStr::from(text));
    Expr::new(ExprKind::Constant { value, kind: None }, NOWHERE)
}

/// Turns `"..." % (...)` with simple conversions into an f-string.
fn fold_format(expr: &mut Expr) {
    let ExprKind::BinOp { left, op: Operator::Mod, right } = &mut expr.kind else {
        return;
    };
    let ExprKind::Constant { value: Constant::Str(format), .. } = &left.kind else {
        return;
    };
    let ExprKind::Tuple { elts, .. } = &mut right.kind else {
        return;
    };
    if elts.iter().any(|elt| matches!(elt.kind, ExprKind::Starred { .. })) {
        return;
    }
    let Some(pieces) = parse_format(format) else {
        return;
    };
    let fields = pieces.iter().filter(|piece| matches!(piece, Piece::Field(..))).count();
    if fields != elts.len() {
        return;
    }
    let mut items = std::mem::take(elts).into_iter();
    let mut values = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                values.push(Expr::new(ExprKind::Constant { value: Constant::Str(text), kind: None }, NOWHERE))
            }
            Piece::Field(conversion, spec) => {
                let Some(value) = items.next() else { continue };
                let location = value.location;
                let format_spec = spec.map(|spec| Box::new(text_constant(spec)));
                let kind = ExprKind::FormattedValue { value: Box::new(value), conversion, format_spec };
                values.push(Expr::new(kind, location));
            }
        }
    }
    expr.kind = ExprKind::JoinedStr { values };
}

enum Piece {
    Text(WStr),
    Field(i64, Option<String>),
}

/// The pieces of a format; `None` if it has anything but simple `%s`, `%r` and `%a`.
fn parse_format(format: &WStr) -> Option<Vec<Piece>> {
    let points: Vec<u32> = format.code_points().collect();
    let percent = u32::from('%');
    let mut pieces = Vec::new();
    let mut index = 0;
    while index < points.len() {
        let mut text = Vec::new();
        while index < points.len() {
            if points[index] != percent {
                text.push(points[index]);
                index += 1;
            } else if points.get(index + 1) == Some(&percent) {
                text.push(percent);
                index += 2;
            } else {
                break;
            }
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(WStr::from_code_points(text)));
        }
        if index >= points.len() {
            break;
        }
        index += 1;
        let (field, next) = parse_field(&points, index)?;
        pieces.push(field);
        index = next;
    }
    Some(pieces)
}

/// Up to two digits, as CPython's limit on them has it.
fn parse_digits(points: &[u32], mut index: usize) -> Option<(u32, usize)> {
    let (mut value, mut count) = (0, 0);
    while let Some(digit) = digit_at(points, index) {
        value = value * 10 + digit;
        index += 1;
        count += 1;
        if count >= 3 {
            return None;
        }
    }
    Some((value, index))
}

fn digit_at(points: &[u32], index: usize) -> Option<u32> {
    points.get(index).copied().and_then(char::from_u32).and_then(|ch| ch.to_digit(10))
}

fn parse_field(points: &[u32], mut index: usize) -> Option<(Piece, usize)> {
    let mut left = false;
    loop {
        match char::from_u32(*points.get(index)?)? {
            '-' => left = true,
            '+' | ' ' | '#' | '0' => {}
            _ => break,
        }
        index += 1;
    }
    let mut spec = String::new();
    if digit_at(points, index).is_some() {
        let (width, next) = parse_digits(points, index)?;
        index = next;
        if !left && width > 0 {
            spec.push('>');
        }
        spec.push_str(&width.to_string());
    }
    if points.get(index) == Some(&u32::from('.')) {
        let (precision, next) = parse_digits(points, index + 1)?;
        index = next;
        spec.push_str(&format!(".{precision}"));
    }
    let conversion = char::from_u32(*points.get(index)?)?;
    if !matches!(conversion, 's' | 'r' | 'a') {
        return None;
    }
    let spec = (!spec.is_empty()).then_some(spec);
    Some((Piece::Field(conversion as i64, spec), index + 1))
}
