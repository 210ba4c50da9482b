//! Expressions as text, for stringized annotations.

use pyrs_bytecode::{Constant, WStr};
use pyrs_parser::ast::{Arg, Arguments, BoolOp, CmpOp, Comprehension, Expr, ExprKind, Operator, UnaryOp};

/// How tightly an expression binds.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Level {
    Tuple,
    Test,
    Or,
    And,
    Not,
    Cmp,
    Expr,
    Xor,
    BitAnd,
    Shift,
    Arith,
    Term,
    Factor,
    Power,
    Await,
    Atom,
}

impl Level {
    fn next(self) -> Level {
        const ALL: [Level; 16] = [
            Level::Tuple,
            Level::Test,
            Level::Or,
            Level::And,
            Level::Not,
            Level::Cmp,
            Level::Expr,
            Level::Xor,
            Level::BitAnd,
            Level::Shift,
            Level::Arith,
            Level::Term,
            Level::Factor,
            Level::Power,
            Level::Await,
            Level::Atom,
        ];
        ALL[(self as usize + 1).min(ALL.len() - 1)]
    }
}

/// The text of an expression.
pub fn expression(expr: &Expr) -> WStr {
    let mut writer = Writer { out: Vec::new() };
    writer.expr(expr, Level::Test);
    WStr::from_wtf8(&writer.out).unwrap_or_default()
}

/// The `repr` of a constant.
pub fn constant_repr(value: &Constant) -> String {
    let mut writer = Writer { out: Vec::new() };
    writer.constant(value);
    String::from_utf8_lossy(&writer.out).into_owned()
}

struct Writer {
    out: Vec<u8>,
}

impl Writer {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn name(&mut self, name: &WStr) {
        self.out.extend_from_slice(name.as_bytes());
    }

    fn wrapped(&mut self, wrap: bool, step: impl FnOnce(&mut Self)) {
        if wrap {
            self.text("(");
        }
        step(self);
        if wrap {
            self.text(")");
        }
    }

    fn list(&mut self, exprs: &[Expr]) {
        for (index, expr) in exprs.iter().enumerate() {
            if index > 0 {
                self.text(", ");
            }
            self.expr(expr, Level::Test);
        }
    }

    fn expr(&mut self, expr: &Expr, level: Level) {
        pyrs_parser::with_stack(|| self.expr_kind(expr, level));
    }

    fn expr_kind(&mut self, expr: &Expr, level: Level) {
        match &expr.kind {
            ExprKind::BoolOp { op, values } => self.bool_op(*op, values, level),
            ExprKind::BinOp { left, op, right } => self.bin_op(left, *op, right, level),
            ExprKind::UnaryOp { op, operand } => self.unary_op(*op, operand, level),
            ExprKind::Lambda { args, body } => self.wrapped(level > Level::Test, |w| {
                w.text("lambda");
                let mut rendered = Writer { out: Vec::new() };
                rendered.arguments(args);
                if !rendered.out.is_empty() {
                    w.text(" ");
                    w.out.extend(rendered.out);
                }
                w.text(": ");
                w.expr(body, Level::Test);
            }),
            ExprKind::IfExp { test, body, orelse } => self.wrapped(level > Level::Test, |w| {
                w.expr(body, Level::Or);
                w.text(" if ");
                w.expr(test, Level::Or);
                w.text(" else ");
                w.expr(orelse, Level::Test);
            }),
            ExprKind::Dict { keys, values } => self.dict(keys, values),
            ExprKind::Set { elts } => {
                self.text("{");
                self.list(elts);
                self.text("}");
            }
            ExprKind::GeneratorExp { elt, generators } => {
                self.comprehension("(", elt, None, generators, ")");
            }
            ExprKind::ListComp { elt, generators } => {
                self.comprehension("[", elt, None, generators, "]");
            }
            ExprKind::SetComp { elt, generators } => {
                self.comprehension("{", elt, None, generators, "}");
            }
            ExprKind::DictComp { key, value, generators } => {
                self.comprehension("{", key, Some(value), generators, "}");
            }
            ExprKind::Yield { value: None } => self.text("(yield)"),
            ExprKind::Yield { value: Some(value) } => {
                self.text("(yield ");
                self.expr(value, Level::Test);
                self.text(")");
            }
            ExprKind::YieldFrom { value } => {
                self.text("(yield from ");
                self.expr(value, Level::Test);
                self.text(")");
            }
            ExprKind::Await { value } => self.wrapped(level > Level::Await, |w| {
                w.text("await ");
                w.expr(value, Level::Atom);
            }),
            ExprKind::Compare { left, ops, comparators } => {
                self.wrapped(level > Level::Cmp, |w| {
                    w.expr(left, Level::Cmp.next());
                    for (op, comparator) in ops.iter().zip(comparators) {
                        w.text(comparison_text(*op));
                        w.expr(comparator, Level::Cmp.next());
                    }
                });
            }
            ExprKind::Call { func, args, keywords } => {
                self.expr(func, Level::Atom);
                if let ([only], []) = (args.as_slice(), keywords.as_slice())
                    && matches!(only.kind, ExprKind::GeneratorExp { .. })
                {
                    return self.expr(only, Level::Test);
                }
                self.text("(");
                self.list(args);
                for (index, keyword) in keywords.iter().enumerate() {
                    if index > 0 || !args.is_empty() {
                        self.text(", ");
                    }
                    match &keyword.arg {
                        Some(name) => {
                            self.name(name);
                            self.text("=");
                        }
                        None => self.text("**"),
                    }
                    self.expr(&keyword.value, Level::Test);
                }
                self.text(")");
            }
            ExprKind::JoinedStr { .. } | ExprKind::FormattedValue { .. } => {
                self.interpolated(expr, "f");
            }
            ExprKind::TemplateStr { .. } | ExprKind::Interpolation { .. } => {
                self.interpolated(expr, "t");
            }
            ExprKind::Constant { value, kind } => {
                if matches!(value, Constant::Ellipsis) {
                    return self.text("...");
                }
                if let Some(kind) = kind {
                    self.name(&kind.0);
                }
                self.constant(value);
            }
            ExprKind::Attribute { value, attr, .. } => {
                self.expr(value, Level::Atom);
                let number =
                    matches!(value.kind, ExprKind::Constant { value: Constant::Int(_) | Constant::BigInt(_), .. });
                self.text(if number { " ." } else { "." });
                self.name(attr);
            }
            ExprKind::Starred { value, .. } => {
                self.text("*");
                self.expr(value, Level::Expr);
            }
            ExprKind::Name { id, .. } => self.name(id),
            ExprKind::List { elts, .. } => {
                self.text("[");
                self.list(elts);
                self.text("]");
            }
            ExprKind::Tuple { elts, .. } => {
                if elts.is_empty() {
                    return self.text("()");
                }
                self.wrapped(level > Level::Tuple, |w| {
                    w.list(elts);
                    if elts.len() == 1 {
                        w.text(",");
                    }
                });
            }
            ExprKind::Subscript { value, slice, .. } => {
                self.expr(value, Level::Atom);
                self.text("[");
                self.expr(slice, Level::Tuple);
                self.text("]");
            }
            ExprKind::Slice { lower, upper, step } => {
                if let Some(lower) = lower {
                    self.expr(lower, Level::Test);
                }
                self.text(":");
                if let Some(upper) = upper {
                    self.expr(upper, Level::Test);
                }
                if let Some(step) = step {
                    self.text(":");
                    self.expr(step, Level::Test);
                }
            }
            ExprKind::NamedExpr { target, value } => self.wrapped(level > Level::Tuple, |w| {
                w.expr(target, Level::Atom);
                w.text(" := ");
                w.expr(value, Level::Atom);
            }),
        }
    }

    fn bool_op(&mut self, op: BoolOp, values: &[Expr], level: Level) {
        let (text, own) = if op == BoolOp::And { (" and ", Level::And) } else { (" or ", Level::Or) };
        self.wrapped(level > own, |w| {
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    w.text(text);
                }
                w.expr(value, own.next());
            }
        });
    }

    fn bin_op(&mut self, left: &Expr, op: Operator, right: &Expr, level: Level) {
        let (text, own, right_associative) = match op {
            Operator::Add => (" + ", Level::Arith, false),
            Operator::Sub => (" - ", Level::Arith, false),
            Operator::Mult => (" * ", Level::Term, false),
            Operator::MatMult => (" @ ", Level::Term, false),
            Operator::Div => (" / ", Level::Term, false),
            Operator::Mod => (" % ", Level::Term, false),
            Operator::LShift => (" << ", Level::Shift, false),
            Operator::RShift => (" >> ", Level::Shift, false),
            Operator::BitOr => (" | ", Level::Expr, false),
            Operator::BitXor => (" ^ ", Level::Xor, false),
            Operator::BitAnd => (" & ", Level::BitAnd, false),
            Operator::FloorDiv => (" // ", Level::Term, false),
            Operator::Pow => (" ** ", Level::Power, true),
        };
        self.wrapped(level > own, |w| {
            w.expr(left, if right_associative { own.next() } else { own });
            w.text(text);
            w.expr(right, if right_associative { own } else { own.next() });
        });
    }

    fn unary_op(&mut self, op: UnaryOp, operand: &Expr, level: Level) {
        let (text, own) = match op {
            UnaryOp::Invert => ("~", Level::Factor),
            UnaryOp::Not => ("not ", Level::Not),
            UnaryOp::UAdd => ("+", Level::Factor),
            UnaryOp::USub => ("-", Level::Factor),
        };
        self.wrapped(level > own, |w| {
            w.text(text);
            w.expr(operand, own);
        });
    }

    fn dict(&mut self, keys: &[Option<Expr>], values: &[Expr]) {
        self.text("{");
        for (index, (key, value)) in keys.iter().zip(values).enumerate() {
            if index > 0 {
                self.text(", ");
            }
            match key {
                Some(key) => {
                    self.expr(key, Level::Test);
                    self.text(": ");
                    self.expr(value, Level::Test);
                }
                None => {
                    self.text("**");
                    self.expr(value, Level::Expr);
                }
            }
        }
        self.text("}");
    }

    fn comprehension(
        &mut self,
        open: &str,
        elt: &Expr,
        value: Option<&Expr>,
        generators: &[Comprehension],
        close: &str,
    ) {
        self.text(open);
        self.expr(elt, Level::Test);
        if let Some(value) = value {
            self.text(": ");
            self.expr(value, Level::Test);
        }
        for generator in generators {
            self.text(if generator.is_async != 0 { " async for " } else { " for " });
            self.expr(&generator.target, Level::Tuple);
            self.text(" in ");
            self.expr(&generator.iter, Level::Test.next());
            for condition in &generator.ifs {
                self.text(" if ");
                self.expr(condition, Level::Test.next());
            }
        }
        self.text(close);
    }

    fn arguments(&mut self, args: &Arguments) {
        let mut first = true;
        let mut separator = |w: &mut Self| {
            if !std::mem::replace(&mut first, false) {
                w.text(", ");
            }
        };
        let positional: Vec<&Arg> = args.posonlyargs.iter().chain(&args.args).collect();
        let without_default = positional.len() - args.defaults.len();
        for (index, arg) in positional.iter().enumerate() {
            separator(self);
            self.arg(arg);
            if index >= without_default {
                self.text("=");
                self.expr(&args.defaults[index - without_default], Level::Test);
            }
            if index + 1 == args.posonlyargs.len() {
                self.text(", /");
            }
        }
        if args.vararg.is_some() || !args.kwonlyargs.is_empty() {
            separator(self);
            self.text("*");
            if let Some(vararg) = &args.vararg {
                self.arg(vararg);
            }
        }
        for (arg, default) in args.kwonlyargs.iter().zip(&args.kw_defaults) {
            separator(self);
            self.arg(arg);
            if let Some(default) = default {
                self.text("=");
                self.expr(default, Level::Test);
            }
        }
        if let Some(kwarg) = &args.kwarg {
            separator(self);
            self.text("**");
            self.arg(kwarg);
        }
    }

    fn arg(&mut self, arg: &Arg) {
        self.name(&arg.arg);
        if let Some(annotation) = &arg.annotation {
            self.text(": ");
            self.expr(annotation, Level::Test);
        }
    }

    fn interpolated(&mut self, expr: &Expr, prefix: &str) {
        let mut body = Writer { out: Vec::new() };
        body.interpolated_part(expr);
        let text = WStr::from_wtf8(&body.out).unwrap_or_default();
        self.text(prefix);
        self.constant(&Constant::Str(text));
    }

    fn interpolated_part(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::JoinedStr { values } | ExprKind::TemplateStr { values } => {
                values.iter().for_each(|value| self.interpolated_part(value));
            }
            ExprKind::Constant { value: Constant::Str(text), .. } => {
                let doubled = text.code_points().flat_map(|point| {
                    let brace = point == u32::from('{') || point == u32::from('}');
                    std::iter::repeat_n(point, if brace { 2 } else { 1 })
                });
                self.name(&WStr::from_code_points(doubled));
            }
            ExprKind::FormattedValue { value, conversion, format_spec } => {
                let mut inner = Writer { out: Vec::new() };
                inner.expr(value, Level::Test.next());
                self.field(&inner.out, *conversion, format_spec.as_deref());
            }
            ExprKind::Interpolation { str, conversion, format_spec, .. } => {
                let text = match str {
                    Constant::Str(text) => text.as_bytes().to_vec(),
                    _ => Vec::new(),
                };
                self.field(&text, *conversion, format_spec.as_deref());
            }
            _ => {}
        }
    }

    fn field(&mut self, value: &[u8], conversion: i64, format_spec: Option<&Expr>) {
        self.text(if value.first() == Some(&b'{') { "{ " } else { "{" });
        self.out.extend_from_slice(value);
        if let Ok(letter) = u8::try_from(conversion) {
            self.out.extend([b'!', letter]);
        }
        if let Some(spec) = format_spec {
            self.text(":");
            self.interpolated_part(spec);
        }
        self.text("}");
    }

    fn constant(&mut self, value: &Constant) {
        match value {
            Constant::None => self.text("None"),
            Constant::True => self.text("True"),
            Constant::False => self.text("False"),
            Constant::Ellipsis => self.text("Ellipsis"),
            Constant::Int(value) => self.text(&value.to_string()),
            Constant::BigInt(value) => self.text(&value.to_string()),
            Constant::Float(value) => self.float(*value),
            Constant::Complex { real, imag } => self.complex(*real, *imag),
            Constant::Str(text) => self.string(text),
            Constant::Bytes(bytes) => self.bytes(bytes),
            Constant::Tuple(items) => {
                self.text("(");
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.text(", ");
                    }
                    self.constant(item);
                }
                self.text(if items.len() == 1 { ",)" } else { ")" });
            }
            Constant::FrozenSet(_) | Constant::Slice(_) | Constant::Code(_) => self.text("..."),
        }
    }

    /// An infinite float is written as a literal that overflows.
    fn float(&mut self, value: f64) {
        if value.is_infinite() {
            return self.text(if value > 0.0 { "1e309" } else { "-1e309" });
        }
        self.text(&float_repr(value));
    }

    fn complex(&mut self, real: f64, imag: f64) {
        let short = |value: f64| {
            let text = float_repr(value);
            text.strip_suffix(".0").map(str::to_string).unwrap_or(text)
        };
        if real == 0.0 && real.is_sign_positive() {
            let text = if imag.is_infinite() { "1e309".to_string() } else { short(imag) };
            return self.text(&format!("{text}j"));
        }
        let sign = if imag.is_sign_negative() { "" } else { "+" };
        self.text(&format!("({}{sign}{}j)", short(real), short(imag)));
    }

    fn string(&mut self, text: &WStr) {
        let points: Vec<u32> = text.code_points().collect();
        let has = |ch: char| points.contains(&u32::from(ch));
        let quote = if has('\'') && !has('"') { '"' } else { '\'' };
        self.text(&quote.to_string());
        for point in points {
            match char::from_u32(point) {
                Some(ch) if ch == quote || ch == '\\' => self.text(&format!("\\{ch}")),
                Some('\n') => self.text("\\n"),
                Some('\r') => self.text("\\r"),
                Some('\t') => self.text("\\t"),
                Some(ch) if ch.is_control() && point < 0x100 => {
                    self.text(&format!("\\x{point:02x}"));
                }
                Some(ch) => self.text(&ch.to_string()),
                None => self.text(&format!("\\u{point:04x}")),
            }
        }
        self.text(&quote.to_string());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { b'"' } else { b'\'' };
        self.out.extend([b'b', quote]);
        for byte in bytes {
            match byte {
                b'\\' => self.text("\\\\"),
                b'\n' => self.text("\\n"),
                b'\r' => self.text("\\r"),
                b'\t' => self.text("\\t"),
                byte if *byte == quote => self.out.extend([b'\\', *byte]),
                b' '..=b'~' => self.out.push(*byte),
                byte => self.text(&format!("\\x{byte:02x}")),
            }
        }
        self.out.push(quote);
    }
}

/// The shortest text that reads back as the float, as Python writes it.
fn float_repr(value: f64) -> String {
    let plain = format!("{value:?}");
    let exponent = format!("{value:e}");
    let (mantissa, power) = exponent.split_once('e').unwrap_or((&exponent, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    if value == 0.0 || (-4..16).contains(&power) {
        let expanded = format!("{value}");
        return if expanded.contains('.') || expanded.contains("inf") || expanded.contains("NaN") {
            expanded
        } else {
            format!("{expanded}.0")
        };
    }
    let _ = plain;
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", power.abs())
}

fn comparison_text(op: CmpOp) -> &'static str {
    match op {
        CmpOp::Eq => " == ",
        CmpOp::NotEq => " != ",
        CmpOp::Lt => " < ",
        CmpOp::LtE => " <= ",
        CmpOp::Gt => " > ",
        CmpOp::GtE => " >= ",
        CmpOp::Is => " is ",
        CmpOp::IsNot => " is not ",
        CmpOp::In => " in ",
        CmpOp::NotIn => " not in ",
    }
}
