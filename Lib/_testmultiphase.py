"""Stands where CPython's test suite looks for its extension module of this name.

Extension modules cannot be loaded yet. The suite asks for this one in places that have nothing to do
with extensions, and skips the tests of the import system where it is missing.
"""
