//! The opcode tables, code objects and their serialised form.
