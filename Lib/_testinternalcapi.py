"""The parts of CPython's `_testinternalcapi` that its test suite uses where it looks at the language itself."""

import sys as _sys

SPECIALIZATION_THRESHOLD = 32
SPECIALIZATION_COOLDOWN = 128
SHARED_KEYS_MAX_SIZE = 30


def has_inline_values(obj):
    """Whether an object keeps its attributes without a dictionary."""
    return _sys._has_inline_attributes(obj)


def get_recursion_depth():
    """The depth of Python calls, this function's caller being the last."""
    depth, frame = 0, _sys._getframe(1)
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    return depth


def get_c_recursion_remaining():
    """How much deeper native recursion may go; no exact number is kept."""
    return 1000


def get_configs():
    """The configuration, as far as tests look at it."""
    return {"config": {"int_max_str_digits": _sys.flags.int_max_str_digits}, "global_config": {}, "pre_config": {}}


def set_eval_frame_record(trace):
    """Frame evaluation cannot be replaced."""
    raise NotImplementedError("frame evaluation cannot be replaced")
