//! Prints the syntax trees of source files, one node or value per line, for `ast_compare.py`.

use std::io::Write;

use pyrs_bytecode::Constant;
use pyrs_parser::{AstField, DynNode, DynValue, Mode, ParseOptions, parse_bytes};

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for path in std::env::args().skip(1) {
        let source = std::fs::read(&path)?;
        let options = ParseOptions { filename: &path, mode: Mode::Exec, flags: 0 };
        writeln!(out, "FILE {path}")?;
        match parse_bytes(&source, options, None, &mut |_| {}) {
            Ok((tree, _)) => dump(&tree.to_dynamic(), &mut out)?,
            Err(error) => writeln!(out, "error {error}")?,
        }
    }
    Ok(())
}

fn dump(value: &DynValue, out: &mut impl Write) -> std::io::Result<()> {
    match value {
        DynValue::None => writeln!(out, "None"),
        DynValue::Text(text) => writeln!(out, "s{}", hex(text.as_bytes())),
        DynValue::Int(number) => writeln!(out, "i{number}"),
        DynValue::Constant(constant) => writeln!(out, "{}", constant_text(constant)),
        DynValue::Node(node) => dump_node(node, out),
        DynValue::List(items) => {
            writeln!(out, "[{}", items.len())?;
            items.iter().try_for_each(|item| dump(item, out))
        }
    }
}

fn dump_node(node: &DynNode, out: &mut impl Write) -> std::io::Result<()> {
    write!(out, "{}", node.class.name)?;
    if let Some(at) = node.location {
        write!(out, " {} {} {} {}", at.lineno, at.col_offset, at.end_lineno, at.end_col_offset)?;
    }
    writeln!(out)?;
    node.fields.iter().try_for_each(|field| dump(field, out))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn constant_text(constant: &Constant) -> String {
    match constant {
        Constant::Int(number) => format!("i{number}"),
        Constant::BigInt(number) => format!("i{number}"),
        Constant::Float(number) => format!("f{:x}", number.to_bits()),
        Constant::Complex { real, imag } => {
            format!("c{:x},{:x}", real.to_bits(), imag.to_bits())
        }
        Constant::Str(text) => format!("s{}", hex(text.as_bytes())),
        Constant::Bytes(bytes) => format!("b{}", hex(bytes)),
        other => format!("{other:?}"),
    }
}
