//! `from __future__ import ...`.

use pyrs_bytecode::co_flags;
use pyrs_parser::ast::{Location, Mod, Stmt, StmtKind};

use crate::errors::{Compiled, error_at};

/// The features that a program asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct FutureFeatures {
    pub flags: u32,
    /// Where the last such import stands; later ones are errors.
    pub location: Option<Location>,
}

/// Reads the imports at the start of the program.
pub fn future_features(tree: &Mod) -> Compiled<FutureFeatures> {
    let mut features = FutureFeatures::default();
    let body: &[Stmt] = match tree {
        Mod::Module { body, .. } | Mod::Interactive { body } => body,
        _ => return Ok(features),
    };
    let mut rest = body;
    if let Some((first, others)) = body.split_first()
        && crate::preprocess::is_docstring(first)
        && matches!(tree, Mod::Module { .. } | Mod::Interactive { .. })
    {
        rest = others;
    }
    for stmt in rest {
        let StmtKind::ImportFrom { module, names, level } = &stmt.kind else {
            break;
        };
        let is_future = module.as_ref().is_some_and(|name| *name == "__future__");
        if !is_future || level.unwrap_or(0) != 0 {
            break;
        }
        for alias in names {
            features.flags |= feature_flag(&alias.name.to_string_lossy(), alias.location)?;
        }
        features.location = Some(stmt.location);
    }
    Ok(features)
}

fn feature_flag(name: &str, location: Location) -> Compiled<u32> {
    Ok(match name {
        "nested_scopes" | "generators" | "division" | "absolute_import" | "with_statement" | "print_function"
        | "unicode_literals" | "generator_stop" => 0,
        "barry_as_FLUFL" => co_flags::FUTURE_BARRY_AS_BDFL,
        "annotations" => co_flags::FUTURE_ANNOTATIONS,
        "braces" => return Err(error_at(location, "not a chance")),
        _ => {
            return Err(error_at(location, format!("future feature {name} is not defined")));
        }
    })
}
