//! Python signatures as text: `(a, /, b=1, *args, c=None, **kw)`.

use proc_macro2::Span;
use syn::{Error, Result};

#[derive(Clone, PartialEq)]
pub enum ParamKind {
    PositionalOnly,
    Normal,
    VarArgs,
    KeywordOnly,
    VarKw,
}

#[derive(Clone)]
pub struct Param {
    pub name: String,
    pub kind: ParamKind,
    pub default: Option<String>,
}

/// Parses a signature; `$self`-like first parameters are not part of it.
pub fn parse(text: &str, span: Span) -> Result<Vec<Param>> {
    let inner = text
        .trim()
        .strip_prefix('(')
        .and_then(|t| t.strip_suffix(')'))
        .ok_or_else(|| Error::new(span, "a signature is written in parentheses"))?;
    let mut params: Vec<Param> = Vec::new();
    let mut keyword_only = false;
    for part in split(inner) {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        if part == "/" {
            params.iter_mut().for_each(|p| p.kind = ParamKind::PositionalOnly);
        } else if part == "*" {
            keyword_only = true;
        } else if let Some(name) = part.strip_prefix("**") {
            params.push(Param { name: name.into(), kind: ParamKind::VarKw, default: None });
        } else if let Some(name) = part.strip_prefix('*') {
            keyword_only = true;
            params.push(Param { name: name.into(), kind: ParamKind::VarArgs, default: None });
        } else {
            let (name, default) = match part.split_once('=') {
                Some((name, default)) => (name.trim(), Some(default.trim().to_owned())),
                None => (part, None),
            };
            let kind = if keyword_only { ParamKind::KeywordOnly } else { ParamKind::Normal };
            params.push(Param { name: name.into(), kind, default });
        }
    }
    Ok(params)
}

/// Splits at commas outside quotes and brackets.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut depth, mut quote) = (vec![String::new()], 0, None);
    for c in text.chars() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("never empty").push(c);
    }
    parts
}

/// The text as `__text_signature__` holds it, with `first` (`$self`, `$type`) in front.
pub fn text(params: &[Param], first: Option<&str>) -> String {
    let mut out: Vec<String> = first.map(str::to_owned).into_iter().collect();
    let last_posonly = params.iter().rposition(|p| p.kind == ParamKind::PositionalOnly);
    if first.is_some() && last_posonly.is_none() {
        out.push("/".into());
    }
    let mut starred = false;
    for (i, p) in params.iter().enumerate() {
        match p.kind {
            ParamKind::VarArgs => {
                starred = true;
                out.push(format!("*{}", p.name));
            }
            ParamKind::VarKw => out.push(format!("**{}", p.name)),
            _ => {
                if p.kind == ParamKind::KeywordOnly && !starred {
                    starred = true;
                    out.push("*".into());
                }
                out.push(match &p.default {
                    Some(d) => format!("{}={d}", p.name),
                    None => p.name.clone(),
                });
            }
        }
        if Some(i) == last_posonly {
            out.push("/".into());
        }
    }
    format!("({})", out.join(", "))
}
