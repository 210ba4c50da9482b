"""Runs a program again and again in one process and counts what is left: `leaks.py [-n TIMES] PROGRAM ...`.

Prints, for each program, the objects known to the collector and the memory blocks in use after a tenth of the
runs and after all of them. Exits with 1 if the number of objects grew.
"""
import contextlib
import gc
import io
import sys


def run(code, name):
    space = {"__name__": "__main__", "__file__": name, "__builtins__": __builtins__}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            exec(code, space)
        except SystemExit:
            pass
    space.clear()


def measure():
    for _ in range(3):
        gc.collect()
    return len(gc.get_objects()), sys.getallocatedblocks()


def main():
    names, times = sys.argv[1:], 100
    if names[:1] == ["-n"]:
        times, names = int(names[1]), names[2:]
    grew, early, late = False, [0, 0], [0, 0]
    for name in names:
        with open(name) as file:
            code = compile(file.read(), name, "exec")
        for i in range(times):
            run(code, name)
            if i == times // 10:
                early[:] = measure()
        late[:] = measure()
        grew |= late[0] > early[0]
        print(f"{name}: {early[0]} objects, {early[1]} blocks; then {late[0]} objects, {late[1]} blocks")
    sys.exit(grew)


main()
