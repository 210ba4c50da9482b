"""The cost of single operations, in nanoseconds: `micro.py [NAME ...]`, names of groups or of operations.

Each operation runs in a loop of its own; the loop's cost is measured with an empty body and taken off.
Run it on several interpreters one after the other and compare the columns.
"""
import sys
import time

from operations import OPERATIONS, UNROLLED, Operation

BLOCK = 0.01
REPEATED = 7


def seconds(run, n):
    start = time.perf_counter()
    run(n)
    return time.perf_counter() - start


def measure(operation):
    """The best time of one execution, with its share of the loop."""
    run = operation.function()
    n = 1
    while seconds(run, n) < BLOCK:
        n *= 2
    return min(seconds(run, n) for _ in range(REPEATED)) / (n * UNROLLED)


def main():
    wanted = set(sys.argv[1:])
    loop = measure(Operation("", "loop", "", "pass"))
    for operation in OPERATIONS:
        if not wanted or wanted & {operation.group, operation.name}:
            cost = max(measure(operation) - loop, 0)
            print(f"{operation.group:12} {operation.name:44} {cost * 1e9:12.1f}")


main()
