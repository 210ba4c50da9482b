"""Taking values: the interpreters' processes live side by side, and one at a time has its turn.

So each value of one interpreter stands between values of all others, and whatever else the machine does falls on all
of them alike.
"""
import contextlib
import dataclasses
import json
import subprocess

from . import estimates, interpreters, record
from .session import Failed, Session

TURN = 0.1
FEWEST_VALUES = 3
# Who is not steady yet may go on for this many times its share.
PATIENCE = 3


@dataclasses.dataclass
class Series:
    """What one process measured: seconds of each value, in their order."""

    values: list = dataclasses.field(default_factory=list)
    memory: int | None = None
    error: str | None = None
    inner_loops: int = 1
    pyperf: dict | None = None

    def spent(self, loops):
        return sum(self.values) * loops * self.inner_loops

    def enough(self, seconds, most, loops):
        count, spent = len(self.values), self.spent(loops)
        if count >= most or spent >= PATIENCE * seconds:
            return count >= 2
        if spent < seconds or count < FEWEST_VALUES:
            return False
        return estimates.is_steady(self.values)


def measure(running, program, path, task, loops, budget):
    """One process for each of the interpreters: interpreter's name → series."""
    settings = {"task": task, "loops": loops}
    series = {interpreter.name: Series() for interpreter in running}
    with contextlib.ExitStack() as stack:
        sessions = {}
        for interpreter in running:
            one = Session(interpreter, program, path, "measure", settings, budget.limit)
            sessions[interpreter.name] = stack.enter_context(one)
        # They import and prepare all at once; nothing is timed before the last one is ready.
        for name, one in sessions.items():
            with failing_alone(series[name]):
                series[name].inner_loops = one.receive()["inner_loops"]
        open_ones = [name for name in sessions if not series[name].error]
        while open_ones:
            for name in open_ones:
                with failing_alone(series[name]):
                    take_turn(sessions[name], series[name], loops, budget)
            open_ones = [name for name in open_ones if not series[name].error and series[name].pyperf is None]
    return series


@contextlib.contextmanager
def failing_alone(series):
    """A process that fails is a row with an error, and no reason to stop."""
    try:
        yield
    except Failed as error:
        series.error = str(error)


def take_turn(session, series, loops, budget):
    session.send({"do": "go", "seconds": TURN})
    series.values += session.receive()["values"]
    if series.enough(budget.seconds, budget.values, loops):
        series.memory = session.peak_memory()
        session.send({"do": "stop"})
        session.receive()
        series.pyperf = json.loads(session.json.read_text())
        # A benchmark that starts commands is about their memory.
        series.memory = series.pyperf["metadata"].get("command_max_rss") or series.memory


@dataclasses.dataclass(frozen=True)
class Budget:
    """How much to measure: per interpreter and process."""

    seconds: float
    values: int
    # Without an answer for this long, a process counts as hanging.
    limit: float


STARTS = 15
# Interpreters are often found behind scripts; they know better themselves what has to be started.
START = """
import os, sys, time
command = [sys.executable, "-c", "pass"]
start = time.perf_counter()
if hasattr(os, "posix_spawn"):
    os.waitpid(os.posix_spawn(sys.executable, command, os.environ), 0)
else:
    os.spawnv(os.P_WAIT, sys.executable, command)
print(time.perf_counter() - start)
"""
MEMORY = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"


def startup(running, run):
    """Times `-c pass`, in turns, and asks for the memory of a process that does nothing else."""
    found = {one.name: [] for one in running}
    for _ in range(STARTS):
        for one in running:
            found[one.name].append(record.rounded(float(ran(one, START))))
    for one, row in zip(running, run["interpreters"]):
        row["startup"] = {"values": found[one.name], "memory": int(ran(one, MEMORY)) * 1024}


def ran(interpreter, code):
    return subprocess.run([*interpreter.command, "-c", code], env=interpreters.environment(interpreter),
                          capture_output=True, text=True, timeout=60, check=True).stdout
