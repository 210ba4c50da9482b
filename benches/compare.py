"""The cost of single operations on several interpreters, in turns: `compare.py [--only NAME,...] COMMAND COMMAND ...`.

Each command (`python3.14`, `'target/release/pyrs --no-jit'`) is a process that waits for its turn of some milliseconds;
the best turn counts, in time of its thread, so that what else the machine does falls on all alike and mostly on none.
Ratios are to the first command. `--only` takes names of groups and of operations of `operations.py`.
"""
import argparse
import pathlib
import subprocess
import sys
import time

from operations import OPERATIONS, UNROLLED, Operation

BLOCK = 0.006
TURNS = 7
LOOP = Operation("", "loop", "", "pass")


def seconds(run, n):
    start = time.thread_time()
    run(n)
    return time.thread_time() - start


def serve():
    """Measures the operations whose numbers come in, one turn each."""
    prepared = {}
    for line in sys.stdin:
        number = int(line)
        if number not in prepared:
            run = (LOOP if number < 0 else OPERATIONS[number]).function()
            n = 1
            while seconds(run, n) < BLOCK:
                n *= 2
            prepared[number] = run, n
        run, n = prepared[number]
        print(seconds(run, n) / (n * UNROLLED), flush=True)


def start(command):
    arguments = [*command.split(), str(pathlib.Path(__file__).resolve()), "--serve"]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def turn(process, number):
    process.stdin.write(f"{number}\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def best(processes, number, turns=TURNS):
    """The best turn of each process."""
    costs = [[turn(process, number) for process in processes] for _ in range(turns)]
    return [min(column) for column in zip(*costs)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="+", metavar="COMMAND")
    parser.add_argument("--only", default="", metavar="NAME,...")
    options = parser.parse_args()
    wanted = set(filter(None, options.only.split(",")))
    processes = [start(command) for command in options.commands]
    loops = best(processes, -1, TURNS * 4)
    for number, operation in enumerate(OPERATIONS):
        if not wanted or wanted & {operation.group, operation.name}:
            costs = [max(cost - loop, 1e-11) for cost, loop in zip(best(processes, number), loops)]
            figures = "".join(f"{cost * 1e9:10.1f}" for cost in costs)
            ratios = "".join(f"{cost / costs[0]:7.2f}" for cost in costs[1:])
            print(f"{operation.group:12} {operation.name:44}{figures}  {ratios}", flush=True)
    for process in processes:
        process.stdin.close()
        process.wait()


if __name__ == "__main__":
    serve() if "--serve" in sys.argv else main()
