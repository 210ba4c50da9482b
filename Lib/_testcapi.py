"""The parts of CPython's `_testcapi` that its test suite uses outside of tests of the C API."""

import sys as _sys

CHAR_MAX, CHAR_MIN, UCHAR_MAX = 127, -128, 255
SHRT_MAX, SHRT_MIN, USHRT_MAX = 2**15 - 1, -2**15, 2**16 - 1
INT_MAX, INT_MIN, UINT_MAX = 2**31 - 1, -2**31, 2**32 - 1
LONG_MAX, LONG_MIN, ULONG_MAX = 2**63 - 1, -2**63, 2**64 - 1
LLONG_MAX, LLONG_MIN, ULLONG_MAX = LONG_MAX, LONG_MIN, ULONG_MAX
PY_SSIZE_T_MAX, PY_SSIZE_T_MIN = _sys.maxsize, -_sys.maxsize - 1
SIZE_MAX = ULONG_MAX
FLT_MAX, FLT_MIN = 3.4028234663852886e38, 1.1754943508222875e-38
DBL_MAX, DBL_MIN = _sys.float_info.max, _sys.float_info.min
SIZEOF_WCHAR_T, SIZEOF_VOID_P, SIZEOF_TIME_T, SIZEOF_PID_T = 4, 8, 8, 4
Py_Version = _sys.hexversion
WITH_PYMALLOC = False
WITH_MIMALLOC = False
Py_single_input, Py_file_input, Py_eval_input = 256, 257, 258
nan_msb_is_signaling = 0

error = type("error", (Exception,), {"__module__": "_testcapi"})


def config_get(name):
    """PyConfig_Get."""
    if name == "code_debug_ranges":
        return 0 if "no_debug_ranges" in _sys._xoptions else 1
    if name == "int_max_str_digits":
        return _sys.get_int_max_str_digits()
    raise ValueError(f"unknown config option name: {name}")


def exception_print(exc, legacy=False):
    """PyErr_Display or PyException_Display: what `sys.excepthook` does."""
    if not isinstance(exc, BaseException):
        raise TypeError("an exception is required")
    _sys.__excepthook__(type(exc), exc, exc.__traceback__)


def raise_exception(exc, count):
    """Raises an exception with that many arguments."""
    raise exc(*range(count))


def err_givenexceptionmatches(err, exc):
    """PyErr_GivenExceptionMatches."""
    cls = err if isinstance(err, type) else type(err)
    if isinstance(exc, tuple):
        return int(any(err_givenexceptionmatches(err, e) for e in exc))
    return int(issubclass(cls, exc))


def set_errno(value):
    """Sets errno, which no function of this interpreter reads back."""


class CodeLike:
    """An object that stands for code in events that native code fires."""

    def __init__(self, events):
        self.events = events

    def __str__(self):
        return f"PyCodeLikeObject({self.events})"


class awaitType:
    """An awaitable that tells nothing of itself."""


def _fires(name):
    def fire(*args):
        raise NotImplementedError("native code cannot fire events yet")

    fire.__name__ = fire.__qualname__ = name
    return fire


for _name in (
    "py_start py_resume py_return c_return py_yield call line jump branch branch_left branch_right py_throw raise "
    "c_raise reraise exception_handled py_unwind stop_iteration"
).split():
    globals()["fire_event_" + _name] = _fires("fire_event_" + _name)
del _name
monitoring_enter_scope = _fires("monitoring_enter_scope")
monitoring_exit_scope = _fires("monitoring_exit_scope")
