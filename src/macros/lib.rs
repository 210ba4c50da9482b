//! Attribute macros that declare native classes, functions and modules.
