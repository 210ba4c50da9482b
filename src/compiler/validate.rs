//! Checks of trees that Python code has put together: what the parser can never produce.

use pyrs_bytecode::Constant;
use pyrs_parser::ast::*;
use pyrs_parser::with_stack;

/// Why a tree cannot be compiled.
#[derive(Debug)]
pub struct InvalidTree {
    /// A TypeError rather than a ValueError.
    pub is_type_error: bool,
    pub msg: String,
}

type Checked = Result<(), InvalidTree>;

fn invalid(msg: impl Into<String>) -> Checked {
    Err(InvalidTree { is_type_error: false, msg: msg.into() })
}

fn wrong_type(msg: impl Into<String>) -> Checked {
    Err(InvalidTree { is_type_error: true, msg: msg.into() })
}

/// Checks a whole tree.
pub fn validate(tree: &Mod) -> Checked {
    match tree {
        Mod::Module { body, .. } | Mod::Interactive { body } => stmts(body),
        Mod::Expression { body } => load(body),
        Mod::FunctionType { argtypes, returns } => {
            loads(argtypes)?;
            load(returns)
        }
    }
}

fn position(l: &Location) -> Checked {
    if l.lineno > l.end_lineno {
        return invalid(format!("AST node line range ({}, {}) is not valid", l.lineno, l.end_lineno));
    }
    if l.lineno < 0 && l.end_lineno != l.lineno || l.col_offset < 0 && l.col_offset != l.end_col_offset {
        return invalid(format!(
            "AST node column range ({}, {}) for line range ({}, {}) is not valid",
            l.col_offset, l.end_col_offset, l.lineno, l.end_lineno
        ));
    }
    if l.lineno == l.end_lineno && l.col_offset > l.end_col_offset {
        return invalid(format!(
            "line {}, column {}-{} is not a valid range",
            l.lineno, l.col_offset, l.end_col_offset
        ));
    }
    Ok(())
}

fn name(id: &Identifier) -> Checked {
    let text = id.to_string_lossy();
    if matches!(&*text, "None" | "True" | "False") {
        return invalid(format!("identifier field can't represent '{text}' constant"));
    }
    Ok(())
}

fn non_empty<T>(items: &[T], what: &str, owner: &str) -> Checked {
    if items.is_empty() { invalid(format!("empty {what} on {owner}")) } else { Ok(()) }
}

fn body(items: &[Stmt], owner: &str) -> Checked {
    non_empty(items, "body", owner)?;
    stmts(items)
}

fn stmts(items: &[Stmt]) -> Checked {
    items.iter().try_for_each(|s| with_stack(|| stmt(s)))
}

fn load(e: &Expr) -> Checked {
    expr(e, ExprContext::Load)
}

fn store(e: &Expr) -> Checked {
    expr(e, ExprContext::Store)
}

fn loads(items: &[Expr]) -> Checked {
    items.iter().try_for_each(load)
}

fn load_opt(e: &Option<Box<Expr>>) -> Checked {
    e.as_ref().map_or(Ok(()), |e| load(e))
}

fn stmt(s: &Stmt) -> Checked {
    use StmtKind::*;
    position(&s.location)?;
    match &s.kind {
        FunctionDef { args, body: b, decorator_list, returns, type_params: params, .. }
        | AsyncFunctionDef { args, body: b, decorator_list, returns, type_params: params, .. } => {
            let owner = if matches!(s.kind, FunctionDef { .. }) { "FunctionDef" } else { "AsyncFunctionDef" };
            body(b, owner)?;
            type_params(params)?;
            arguments(args)?;
            loads(decorator_list)?;
            load_opt(returns)
        }
        ClassDef { bases, keywords: kws, body: b, decorator_list, type_params: params, .. } => {
            body(b, "ClassDef")?;
            type_params(params)?;
            loads(bases)?;
            keywords(kws)?;
            loads(decorator_list)
        }
        Return { value } => load_opt(value),
        Delete { targets } => {
            non_empty(targets, "targets", "Delete")?;
            targets.iter().try_for_each(|t| expr(t, ExprContext::Del))
        }
        Assign { targets, value, .. } => {
            non_empty(targets, "targets", "Assign")?;
            targets.iter().try_for_each(store)?;
            load(value)
        }
        TypeAlias { name, type_params: params, value } => {
            if !matches!(name.kind, ExprKind::Name { .. }) {
                return wrong_type("TypeAlias with non-Name name");
            }
            store(name)?;
            type_params(params)?;
            load(value)
        }
        AugAssign { target, value, .. } => {
            store(target)?;
            load(value)
        }
        AnnAssign { target, annotation, value, simple } => {
            if *simple != 0 && !matches!(target.kind, ExprKind::Name { .. }) {
                return wrong_type("AnnAssign with simple non-Name target");
            }
            store(target)?;
            load_opt(value)?;
            load(annotation)
        }
        For { target, iter, body: b, orelse, .. } | AsyncFor { target, iter, body: b, orelse, .. } => {
            store(target)?;
            load(iter)?;
            body(b, if matches!(s.kind, For { .. }) { "For" } else { "AsyncFor" })?;
            stmts(orelse)
        }
        While { test, body: b, orelse } => {
            load(test)?;
            body(b, "While")?;
            stmts(orelse)
        }
        If { test, body: b, orelse } => {
            load(test)?;
            body(b, "If")?;
            stmts(orelse)
        }
        With { items, body: b, .. } | AsyncWith { items, body: b, .. } => {
            let owner = if matches!(s.kind, With { .. }) { "With" } else { "AsyncWith" };
            non_empty(items, "items", owner)?;
            for item in items {
                load(&item.context_expr)?;
                item.optional_vars.as_ref().map_or(Ok(()), |v| store(v))?;
            }
            body(b, owner)
        }
        Match { subject, cases } => {
            load(subject)?;
            non_empty(cases, "cases", "Match")?;
            for case in cases {
                pattern(&case.pattern, false)?;
                load_opt(&case.guard)?;
                body(&case.body, "match_case")?;
            }
            Ok(())
        }
        Raise { exc, cause } => {
            if exc.is_none() && cause.is_some() {
                return invalid("Raise with cause but no exception");
            }
            load_opt(exc)?;
            load_opt(cause)
        }
        Try { body: b, handlers, orelse, finalbody } => try_parts("Try", b, handlers, orelse, finalbody),
        TryStar { body: b, handlers, orelse, finalbody } => try_parts("TryStar", b, handlers, orelse, finalbody),
        Assert { test, msg } => {
            load(test)?;
            load_opt(msg)
        }
        Import { names } => non_empty(names, "names", "Import"),
        ImportFrom { names, level, .. } => {
            if level.is_some_and(|n| n < 0) {
                return invalid("Negative ImportFrom level");
            }
            non_empty(names, "names", "ImportFrom")
        }
        Global { names } => non_empty(names, "names", "Global"),
        Nonlocal { names } => non_empty(names, "names", "Nonlocal"),
        Expr { value } => load(value),
        Pass {} | Break {} | Continue {} => Ok(()),
    }
}

fn try_parts(owner: &str, b: &[Stmt], handlers: &[ExceptHandler], orelse: &[Stmt], finalbody: &[Stmt]) -> Checked {
    body(b, owner)?;
    if handlers.is_empty() && finalbody.is_empty() {
        return invalid(format!("{owner} has neither except handlers nor finalbody"));
    }
    if handlers.is_empty() && !orelse.is_empty() {
        return invalid(format!("{owner} has orelse but no except handlers"));
    }
    for handler in handlers {
        position(&handler.location)?;
        let ExceptHandlerKind::ExceptHandler { type_, body: b, .. } = &handler.kind;
        load_opt(type_)?;
        body(b, "ExceptHandler")?;
    }
    stmts(finalbody)?;
    stmts(orelse)
}

fn type_params(params: &[TypeParam]) -> Checked {
    for param in params {
        position(&param.location)?;
        match &param.kind {
            TypeParamKind::TypeVar { name: id, bound, default_value } => {
                name(id)?;
                load_opt(bound)?;
                load_opt(default_value)?;
            }
            TypeParamKind::ParamSpec { name: id, default_value }
            | TypeParamKind::TypeVarTuple { name: id, default_value } => {
                name(id)?;
                load_opt(default_value)?;
            }
        }
    }
    Ok(())
}

fn arguments(args: &Arguments) -> Checked {
    let parameter = |a: &Arg| {
        position(&a.location)?;
        load_opt(&a.annotation)
    };
    args.posonlyargs.iter().chain(&args.args).try_for_each(parameter)?;
    args.vararg.iter().try_for_each(|a| parameter(a))?;
    args.kwonlyargs.iter().try_for_each(parameter)?;
    args.kwarg.iter().try_for_each(|a| parameter(a))?;
    if args.defaults.len() > args.posonlyargs.len() + args.args.len() {
        return invalid("more positional defaults than args on arguments");
    }
    if args.kw_defaults.len() != args.kwonlyargs.len() {
        return invalid("length of kwonlyargs is not the same as kw_defaults on arguments");
    }
    loads(&args.defaults)?;
    args.kw_defaults.iter().flatten().try_for_each(load)
}

fn keywords(items: &[Keyword]) -> Checked {
    items.iter().try_for_each(|k| {
        position(&k.location)?;
        load(&k.value)
    })
}

fn comprehension(generators: &[Comprehension]) -> Checked {
    if generators.is_empty() {
        return invalid("comprehension with no generators");
    }
    for g in generators {
        store(&g.target)?;
        load(&g.iter)?;
        loads(&g.ifs)?;
    }
    Ok(())
}

fn context_name(ctx: ExprContext) -> &'static str {
    match ctx {
        ExprContext::Load => "Load",
        ExprContext::Store => "Store",
        ExprContext::Del => "Del",
    }
}

fn expr(e: &Expr, ctx: ExprContext) -> Checked {
    with_stack(|| expr_inner(e, ctx))
}

fn expr_inner(e: &Expr, ctx: ExprContext) -> Checked {
    use ExprKind::*;
    position(&e.location)?;
    match &e.kind {
        Attribute { ctx: actual, .. }
        | Subscript { ctx: actual, .. }
        | Starred { ctx: actual, .. }
        | Name { ctx: actual, .. }
        | List { ctx: actual, .. }
        | Tuple { ctx: actual, .. } => {
            if let Name { id, .. } = &e.kind {
                name(id)?;
            }
            if *actual != ctx {
                return invalid(format!(
                    "expression must have {} context but has {} instead",
                    context_name(ctx),
                    context_name(*actual)
                ));
            }
        }
        _ if ctx != ExprContext::Load => {
            return invalid(format!("expression which can't be assigned to in {} context", context_name(ctx)));
        }
        _ => {}
    }
    match &e.kind {
        BoolOp { values, .. } => {
            if values.len() < 2 {
                return invalid("BoolOp with less than 2 values");
            }
            loads(values)
        }
        NamedExpr { target, value } => {
            if !matches!(target.kind, Name { .. }) {
                return wrong_type("NamedExpr target must be a Name");
            }
            load(value)
        }
        BinOp { left, right, .. } => {
            load(left)?;
            load(right)
        }
        UnaryOp { operand, .. } => load(operand),
        Lambda { args, body } => {
            arguments(args)?;
            load(body)
        }
        IfExp { test, body, orelse } => {
            load(test)?;
            load(body)?;
            load(orelse)
        }
        Dict { keys, values } => {
            if keys.len() != values.len() {
                return invalid("Dict doesn't have the same number of keys as values");
            }
            keys.iter().flatten().try_for_each(load)?;
            loads(values)
        }
        Set { elts } => loads(elts),
        ListComp { elt, generators } | SetComp { elt, generators } | GeneratorExp { elt, generators } => {
            comprehension(generators)?;
            load(elt)
        }
        DictComp { key, value, generators } => {
            comprehension(generators)?;
            load(key)?;
            load(value)
        }
        Await { value } | YieldFrom { value } => load(value),
        Yield { value } => load_opt(value),
        Compare { left, ops, comparators } => {
            if comparators.is_empty() {
                return invalid("Compare with no comparators");
            }
            if comparators.len() != ops.len() {
                return invalid("Compare has a different number of comparators and operands");
            }
            loads(comparators)?;
            load(left)
        }
        Call { func, args, keywords: kws } => {
            load(func)?;
            loads(args)?;
            keywords(kws)
        }
        FormattedValue { value, format_spec, .. } | Interpolation { value, format_spec, .. } => {
            load(value)?;
            load_opt(format_spec)
        }
        JoinedStr { values } | TemplateStr { values } => loads(values),
        Constant { .. } => Ok(()),
        Attribute { value, .. } => load(value),
        Subscript { value, slice, .. } => {
            load(slice)?;
            load(value)
        }
        Starred { value, .. } => expr(value, ctx),
        Name { .. } => Ok(()),
        List { elts, .. } | Tuple { elts, .. } => elts.iter().try_for_each(|x| expr(x, ctx)),
        Slice { lower, upper, step } => {
            load_opt(lower)?;
            load_opt(upper)?;
            load_opt(step)
        }
    }
}

fn capture(id: &Option<Identifier>) -> Checked {
    let Some(id) = id else { return Ok(()) };
    if &*id.to_string_lossy() == "_" {
        return invalid("can't capture name '_' in patterns");
    }
    name(id)
}

fn patterns(items: &[Pattern], star: bool) -> Checked {
    items.iter().try_for_each(|p| pattern(p, star))
}

fn pattern(p: &Pattern, star: bool) -> Checked {
    with_stack(|| pattern_inner(p, star))
}

fn pattern_inner(p: &Pattern, star: bool) -> Checked {
    use PatternKind::*;
    position(&p.location)?;
    match &p.kind {
        MatchValue { value } => match_value(value),
        MatchSingleton { value } => match value {
            Constant::None | Constant::True | Constant::False => Ok(()),
            _ => invalid("MatchSingleton can only contain True, False and None"),
        },
        MatchSequence { patterns: items } => patterns(items, true),
        MatchMapping { keys, patterns: items, rest } => {
            if keys.len() != items.len() {
                return invalid("MatchMapping doesn't have the same number of keys as patterns");
            }
            capture(rest)?;
            for key in keys {
                if !is_singleton(key) {
                    match_value(key)?;
                }
            }
            patterns(items, false)
        }
        MatchClass { cls, patterns: items, kwd_attrs, kwd_patterns } => {
            if kwd_attrs.len() != kwd_patterns.len() {
                return invalid("MatchClass doesn't have the same number of keyword attributes as patterns");
            }
            load(cls)?;
            let mut at = cls;
            loop {
                match &at.kind {
                    ExprKind::Name { .. } => break,
                    ExprKind::Attribute { value, .. } => at = value,
                    _ => return invalid("MatchClass cls field can only contain Name or Attribute nodes."),
                }
            }
            kwd_attrs.iter().try_for_each(name)?;
            patterns(items, false)?;
            patterns(kwd_patterns, false)
        }
        MatchStar { name: id } => {
            if !star {
                return invalid("can't use MatchStar here");
            }
            capture(id)
        }
        MatchAs { pattern: inner, name: id } => {
            capture(id)?;
            match (inner, id) {
                (None, _) => Ok(()),
                (Some(_), None) => invalid("MatchAs must specify a target name if a pattern is given"),
                (Some(inner), Some(_)) => pattern(inner, false),
            }
        }
        MatchOr { patterns: items } => {
            if items.len() < 2 {
                return invalid("MatchOr requires at least 2 patterns");
            }
            patterns(items, false)
        }
    }
}

fn match_value(e: &Expr) -> Checked {
    load(e)?;
    let number = |e: &Expr, complex_too: bool| match &e.kind {
        ExprKind::Constant { value: Constant::Int(_) | Constant::BigInt(_) | Constant::Float(_), .. } => true,
        ExprKind::Constant { value: Constant::Complex { .. }, .. } => complex_too,
        _ => false,
    };
    let signed = |e: &Expr, complex_too: bool| match &e.kind {
        ExprKind::UnaryOp { op: UnaryOp::USub, operand } => number(operand, complex_too),
        _ => false,
    };
    let fits = match &e.kind {
        ExprKind::Constant { value, .. } => {
            let literal = matches!(
                value,
                Constant::Int(_)
                    | Constant::BigInt(_)
                    | Constant::Float(_)
                    | Constant::Bytes(_)
                    | Constant::Complex { .. }
                    | Constant::Str(_)
            );
            return if literal { Ok(()) } else { invalid("unexpected constant inside of a literal pattern") };
        }
        ExprKind::Attribute { .. } | ExprKind::JoinedStr { .. } | ExprKind::TemplateStr { .. } => true,
        ExprKind::UnaryOp { .. } => signed(e, true),
        ExprKind::BinOp { left, op: Operator::Add | Operator::Sub, right } => {
            let imaginary = matches!(&right.kind, ExprKind::Constant { value: Constant::Complex { .. }, .. });
            imaginary && (number(left, false) || signed(left, false))
        }
        _ => false,
    };
    if fits { Ok(()) } else { invalid("patterns may only match literals and attribute lookups") }
}

/// True for the constants that may be keys of a mapping pattern beside literals.
fn is_singleton(e: &Expr) -> bool {
    matches!(&e.kind, ExprKind::Constant { value: Constant::None | Constant::True | Constant::False, .. })
}
