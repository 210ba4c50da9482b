"""Loads the stream classes for `_io`.

`_pyio` expects a complete `io` module, which in turn needs the classes of `_io`: a stand-in breaks the circle.
"""

import sys


class _Registry:
    """Takes the place of the abstract base classes, which register the streams themselves later."""

    @staticmethod
    def register(cls):
        return cls


def open_code(path):
    """Opens a file with the intention of running its contents."""
    return streams.open(path, "rb")


def _load():
    stand_in = type(sys)("io")
    stand_in.__all__ = []
    stand_in.SEEK_SET, stand_in.SEEK_CUR, stand_in.SEEK_END = 0, 1, 2
    stand_in.Reader = stand_in.Writer = None
    stand_in.open_code = open_code
    for name in ("IOBase", "RawIOBase", "BufferedIOBase", "TextIOBase"):
        setattr(stand_in, name, _Registry)
    real = sys.modules.get("io")
    sys.modules["io"] = stand_in
    try:
        import _pyio
    finally:
        if real is None:
            del sys.modules["io"]
        else:
            sys.modules["io"] = real
    for value in vars(_pyio).values():
        if isinstance(value, type) and value.__module__ == "_pyio":
            value.__module__ = "_io"
    return _pyio


streams = _load()
