"""Compiles every module under a directory and writes the code objects for `oracle`.

Usage: oracle_dump.py LIB_DIRECTORY OUTPUT_DIRECTORY
"""

import marshal
import os
import sys
import warnings

warnings.simplefilter("ignore")
lib, out = sys.argv[1:]
os.makedirs(out, exist_ok=True)
count = 0
with open(os.path.join(out, "index.txt"), "w") as index:
    for folder, subfolders, files in os.walk(lib):
        subfolders.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            if not name.endswith(".py"):
                continue
            with open(path, "rb") as file:
                source = file.read()
            try:
                code = compile(source, path, "exec", dont_inherit=True, optimize=0)
            except (SyntaxError, ValueError):
                continue
            with open(os.path.join(out, f"{count}.bin"), "wb") as file:
                marshal.dump(code, file)
            index.write(f"{count}\t{path}\n")
            count += 1
print(count, "modules")
