"""Looks into other Python processes in CPython; here it only says that it cannot."""

from collections import namedtuple

FrameInfo = namedtuple("FrameInfo", "filename lineno funcname")
PROCESS_VM_READV_SUPPORTED = 0


class RemoteUnwinder:
    """Reads the stacks of another process; not available."""

    def __init__(self, pid, *, all_threads=False, debug=False):
        raise RuntimeError("reading the memory of other processes is not available")
