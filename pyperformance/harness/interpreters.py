"""Who takes part: a table of known interpreters, of which those that are found are measured."""
import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess

from .suite import build_folder

REFERENCE = "CPython 3.14"


@dataclasses.dataclass(frozen=True)
class Interpreter:
    name: str
    command: tuple
    environment: tuple = ()
    # Only worth a row if this is on.
    jit: bool = False
    version: str = ""

    @property
    def key(self):
        """The name for files."""
        return re.sub(r"[^a-z0-9.]+", "-", self.name.lower()).strip("-")


KNOWN = (
    Interpreter("pyrs", ("pyrs",), (("PYTHON_JIT", "0"),)),
    Interpreter("pyrs --jit", ("pyrs", "--jit"), (("PYTHON_JIT", "1"),), jit=True),
    Interpreter(REFERENCE, ("python3.14",), (("PYTHON_JIT", "0"),)),
    Interpreter("CPython 3.14 JIT", ("python3.14",), (("PYTHON_JIT", "1"),), jit=True),
    Interpreter("CPython 3.15", ("python3.15",), (("PYTHON_JIT", "0"),)),
    Interpreter("CPython 3.15 JIT", ("python3.15",), (("PYTHON_JIT", "1"),), jit=True),
    Interpreter("PyPy", ("pypy3",)),
    Interpreter("RustPython", ("rustpython",)),
)

# Colours that differ for colour-blind readers too, on light and dark ground.
COLOURS = {
    "pyrs": "#d55e00", "pyrs --jit": "#cc2a36", REFERENCE: "#7a7a7a", "CPython 3.14 JIT": "#56b4e9",
    "CPython 3.15": "#0072b2", "CPython 3.15 JIT": "#8a6fd1", "PyPy": "#009e73", "RustPython": "#b08900",
}
OTHER_COLOURS = ("#e377c2", "#17a2a2", "#8c564b", "#4f6d2f")

QUESTION = """
import json, sys
jit = getattr(sys, "_jit", None)
print(json.dumps({"version": sys.version, "jit": bool(jit and jit.is_enabled())}))
"""


def colour(name, others=()):
    if name in COLOURS:
        return COLOURS[name]
    place = list(others).index(name) if name in others else 0
    return OTHER_COLOURS[place % len(OTHER_COLOURS)]


def built_pyrs():
    """The optimised executable of this checkout, or the installed one."""
    built = build_folder() / "release/pyrs"
    return str(built) if built.exists() else "pyrs"


def from_option(text):
    """`NAME=COMMAND`, where the command may begin with settings of variables."""
    name, _, command = text.partition("=")
    words = shlex.split(command)
    variables = []
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        variables.append(tuple(words.pop(0).split("=", 1)))
    if not name or not words:
        raise ValueError(f"not NAME=COMMAND: {text!r}")
    return Interpreter(name, tuple(words), tuple(variables))


def environment(interpreter, path=()):
    """The variables of a process: few, so that nobody's settings have a say."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    fixed = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "1"}
    if path:
        fixed["PYTHONPATH"] = os.pathsep.join(path)
    return {**kept, **fixed, **dict(interpreter.environment)}


def present(interpreter):
    """The interpreter with its version, or None if it is not there, or its compiler is not."""
    if not shutil.which(interpreter.command[0]):
        return None
    command = [*interpreter.command, "-c", QUESTION]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(interpreter))
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError, OSError):
        return None
    if interpreter.jit and not answer["jit"]:
        return None
    return dataclasses.replace(interpreter, version=answer["version"].replace("\n", " "))


def find(pyrs=None, chosen=None, extra=()):
    """All interpreters that are here; of the known ones those that are chosen."""
    pyrs = pyrs or built_pyrs()
    found = []
    for known in (*KNOWN, *extra):
        if chosen and known in KNOWN and known.name not in chosen and known.name != REFERENCE:
            continue
        if known.command[0] == "pyrs":
            known = dataclasses.replace(known, command=(pyrs, *known.command[1:]))
        here = present(known)
        if here:
            found.append(here)
    return found
