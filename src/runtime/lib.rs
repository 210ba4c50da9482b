//! What a program is made of: values, objects, types, memory.
