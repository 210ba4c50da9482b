//! Source text to the abstract syntax tree.
