"""The parts of CPython's `_testlimitedcapi` that its test suite uses outside of tests of the C API.

Each function does what the C function it is named after does to Python objects.
"""

import operator


def sequence_getitem(obj, index):
    """PySequence_GetItem."""
    if index < 0 and not isinstance(obj, (list, tuple, str, bytes, bytearray)):
        index += len(obj)
    return _sequence(obj)[index]


def sequence_setitem(obj, index, value):
    """PySequence_SetItem."""
    _sequence(obj)[index] = value


def sequence_delitem(obj, index):
    """PySequence_DelItem."""
    del _sequence(obj)[index]


def _sequence(obj):
    if isinstance(obj, dict) or not hasattr(type(obj), "__getitem__"):
        raise TypeError(f"'{type(obj).__name__}' object is not a sequence")
    return obj


def eval_get_func_name(function):
    """PyEval_GetFuncName."""
    return getattr(function, "__name__", type(function).__name__)


def eval_get_func_desc(function):
    """PyEval_GetFuncDesc."""
    return "()" if hasattr(function, "__name__") else " object"


def call_vectorcall(function):
    """PyObject_Vectorcall with one positional and one keyword argument."""
    return function("foo", baz="bar")


def call_vectorcall_method(obj):
    """PyObject_VectorcallMethod."""
    return obj.f("foo", baz="bar")


def hasattr_string(obj, name):
    """PyObject_HasAttrString."""
    return hasattr(obj, name)


get_attr = object_getattr = getattr
set_attr = object_setattr = setattr
object_getitem = operator.getitem


def _py_getbuiltwithassert():
    """Whether the interpreter checks its own invariants."""
    return False
