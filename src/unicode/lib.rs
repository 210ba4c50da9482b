//! Character properties and text algorithms that need no object model.
