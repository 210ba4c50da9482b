//! The abstract syntax tree to code objects.
