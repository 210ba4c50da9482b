"""Compares our syntax trees, with positions, with CPython's.

Usage: ast_compare.py AST_DUMP_PROGRAM DIRECTORY [EVERY]
"""

import ast
import os
import struct
import subprocess
import sys
import warnings

warnings.simplefilter("ignore")
sys.set_int_max_str_digits(0)
sys.setrecursionlimit(10000)


def bits(number):
    return format(struct.unpack("<Q", struct.pack("<d", number))[0], "x")


def text(value):
    match value:
        case bool() | None:
            return str(value)
        case int():
            return f"i{value}"
        case float():
            return "f" + bits(value)
        case complex():
            return f"c{bits(value.real)},{bits(value.imag)}"
        case str():
            return "s" + value.encode("utf-8", "surrogatepass").hex()
        case bytes():
            return "b" + value.hex()
    return "Ellipsis"


def dump(value, out):
    if isinstance(value, ast.AST):
        line = type(value).__name__
        if "lineno" in value._attributes:
            line += (f" {value.lineno} {value.col_offset}"
                     f" {value.end_lineno} {value.end_col_offset}")
        out.append(line)
        for field in value._fields:
            dump(getattr(value, field), out)
    elif isinstance(value, list):
        out.append(f"[{len(value)}")
        for item in value:
            dump(item, out)
    else:
        out.append(text(value))


def main(program, directory, every="1"):
    paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(directory)
                   for name in names if name.endswith(".py"))[::int(every)]
    equal = wrong = 0
    for path in paths:
        with open(path, "rb") as file:
            source = file.read()
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            continue
        theirs = []
        dump(tree, theirs)
        ours = subprocess.run([program, path], capture_output=True).stdout.decode().split("\n")[1:-1]
        if ours == theirs:
            equal += 1
            continue
        wrong += 1
        at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
        if wrong < 15:
            print(path, at, "ours", ours[at - 2:at + 2], "theirs", theirs[at - 2:at + 2])
    print(f"{equal} trees equal, {wrong} differ")


main(*sys.argv[1:])
