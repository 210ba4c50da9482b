"""Compares our tokens, with positions, with those of CPython's tokenize module.

Usage: token_compare.py TOKEN_DUMP_PROGRAM DIRECTORY [EVERY]
"""

import os
import subprocess
import sys
import token
import tokenize


def main(program, directory, every="1"):
    paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(directory)
                   for name in names if name.endswith(".py"))[::int(every)]
    equal = wrong = 0
    for path in paths:
        try:
            with open(path, encoding="utf-8", newline="") as file:
                theirs = [f"{token.tok_name[t.exact_type]} {t.start[0]} {t.start[1]} {t.end[0]} {t.end[1]}"
                          for t in tokenize.generate_tokens(file.readline)]
        except (SyntaxError, ValueError):
            continue
        ours = subprocess.run([program, path], capture_output=True).stdout.decode().split("\n")[:-1]
        if ours == theirs:
            equal += 1
            continue
        wrong += 1
        at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
        if wrong < 15:
            print(path, at, "ours", ours[at - 1:at + 2], "theirs", theirs[at - 1:at + 2])
    print(f"{equal} files equal, {wrong} differ")


main(*sys.argv[1:])
