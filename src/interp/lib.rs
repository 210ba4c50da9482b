//! Tier 0: the bytecode interpreter.
