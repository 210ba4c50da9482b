//! Marshal.
