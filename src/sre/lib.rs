//! The regular-expression matching engine behind the _sre module.
