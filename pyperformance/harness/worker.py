"""What runs inside a measured interpreter: one program of the suite, a few values at a time.

    worker.py measure|check SCRIPT [OPTION ...]

The other side says on a pipe (its descriptors are in `BENCH_TURNS`) when to go on; answers are lines of JSON. The program
makes its `pyperf.Runner` as always, and pyperf times it; here is only decided when the next value is taken. So this file
depends on what pyperf's worker looks like inside, and the suite pins pyperf's version.
"""
import json
import os
import runpy
import sys
import time
import zlib

# How much of a program's behaviour a check looks at.
RETURNS_PER_FUNCTION = 2_000
RETURNS = 200_000
ITEMS = 50
DEPTH = 3

# A value of the reference takes at least this long; shorter programs are repeated within a value.
SHORTEST_VALUE = 0.04
# A check repeats the program for about this long and looks again, so that compiled code is checked too; unless one look
# takes so long that nobody would wait for it.
CHECK_WARM = 0.3
LONG_LOOK = 0.6

CO_COROUTINE, CO_ASYNC_GENERATOR = 0x80, 0x200


class Turns:
    """The conversation with the other side."""

    def __init__(self):
        reading, writing = map(int, os.environ.pop("BENCH_TURNS").split(","))
        self.input = os.fdopen(reading, encoding="utf-8")
        self.output = os.fdopen(writing, "w", encoding="utf-8")

    def wait(self):
        """What to do next; a vanished other side means the end."""
        line = self.input.readline()
        return json.loads(line) if line else {"do": "stop"}

    def send(self, **fields):
        self.output.write(json.dumps(fields) + "\n")
        self.output.flush()


def take_values(turns):
    """Makes pyperf's worker take values in turns, until it is told to stop."""
    from pyperf._worker import WorkerTask

    def compute_warmups_values(self):
        per_value = self.loops * (self.inner_loops or 1)
        turns.send(inner_loops=self.inner_loops or 1)
        while (turn := turns.wait())["do"] == "go":
            end = time.perf_counter() + turn["seconds"]
            values = []
            while not values or time.perf_counter() < end:
                values.append(self.task_func(self, self.loops) / per_value)
            self.values += tuple(values)
            turns.send(values=values)

    WorkerTask.compute_warmups_values = compute_warmups_values


def check_results(turns, settings):
    """Makes pyperf run each of the program's tasks a few times and look at what its functions return."""
    import pyperf

    def main(runner, task):
        runner.parse_args()
        task.loops, task.inner_loops = 1, getattr(task, "inner_loops", None)
        look = Look(os.path.dirname(os.path.abspath(sys.argv[0])))
        start = time.perf_counter()
        look.at(task)
        long = time.perf_counter() - start > LONG_LOOK
        plan = settings.get("plan", {}).get(task.name)
        if plan is None:
            plan = {"warm": 0 if long else repeat_for(task, CHECK_WARM), "loops": 1 if long else shortest_loops(task)}
        elif plan["warm"]:
            for _ in range(plan["warm"]):
                task.task_func(task, 1)
            look.at(task)
        turns.send(task=task.name, results=look.results(), plan=plan)

    pyperf.Runner._main = main


def repeat_for(task, seconds):
    """How often the task runs in so many seconds; at least once."""
    done, end = 0, time.perf_counter() + seconds
    while not done or time.perf_counter() < end:
        task.task_func(task, 1)
        done += 1
    return done


def shortest_loops(task):
    """How many loops a value of the task needs to be long enough."""
    loops = 1
    while task.task_func(task, loops) < SHORTEST_VALUE:
        loops *= 2
    return loops


class Look:
    """Digests of what the functions of a program return, one digest for each function."""

    # Not functions of their own, or not the program's, in some versions of the language; when a
    # generator that nobody needs any more ends is up to the collector.
    INLINED = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<module>", "__annotate__"}

    def __init__(self, folder):
        self.folder = folder
        self.digests = {}
        self.left = RETURNS

    def at(self, task):
        sys.setprofile(self.event)
        try:
            task.task_func(task, 1)
        finally:
            sys.setprofile(None)

    def event(self, frame, event, value):
        # Beyond the limit events are ignored: PyPy does not survive that a profile function takes itself away.
        if event != "return" or self.left == 0:
            return
        code = frame.f_code
        # When coroutines are suspended is the event loop's business.
        if code.co_flags & (CO_COROUTINE | CO_ASYNC_GENERATOR) or code.co_name in self.INLINED:
            return
        if not code.co_filename.startswith(self.folder):
            return
        self.left -= 1
        name = f"{os.path.basename(code.co_filename)}:{code.co_qualname}"
        count, digest = self.digests.get(name, (0, 0))
        if count < RETURNS_PER_FUNCTION:
            text = describe(value, DEPTH).encode("utf-8", "surrogatepass")
            self.digests[name] = count + 1, zlib.crc32(text, digest)

    def results(self):
        return {name: f"{count}:{digest:08x}" for name, (count, digest) in self.digests.items()}


def describe(value, depth):
    """A text that is the same for the same value in all interpreters."""
    kind = type(value)
    if kind is float:
        return f"{value:.10g} float"
    if kind is int and not -(1 << 256) < value < 1 << 256:
        return format(value, "x")
    if value is None or kind in (bool, int, str, bytes):
        return repr(value)
    if kind in (list, tuple, dict, set, frozenset):
        return describe_items(value, kind, depth)
    return "object" if kind.__module__ == "builtins" else kind.__qualname__


def describe_items(value, kind, depth):
    head = f"{kind.__name__} of {len(value)}"
    if depth == 0:
        return head
    items = value.items() if kind is dict else value
    shown = [describe(item, depth - 1) for item, _ in zip(items, range(ITEMS))]
    if kind in (set, frozenset):
        # Their order is nobody's business; and which items come first either.
        shown = sorted(shown) if len(value) <= ITEMS else []
    return f"{head}: {', '.join(shown)}"


def main():
    mode, script, *options = sys.argv[1:]
    turns = Turns()
    settings = turns.wait()
    sys.argv = [script, "--worker", "--warmups=0", "--values=1", f"--loops={settings.get('loops', 1)}", *options]
    sys.path[0] = os.path.dirname(script)
    if mode == "measure":
        sys.argv += [f"--worker-task={settings['task']}", f"--output={settings['output']}"]
        take_values(turns)
    else:
        check_results(turns, settings)
    runpy.run_path(script, run_name="__main__")
    turns.send(end=True)


if __name__ == "__main__":
    main()
