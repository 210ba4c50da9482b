"""What a run found, as a file that lasts: everything that tables, pictures and comparisons are made of.

One JSON object: `format`, when and where (`started`, `seconds`, `commit`, `machine`, `load`), `settings`, the names of the
`suite`'s programs, the `interpreters` with their versions and start-up figures, and `rows`, one for each benchmark: how a
value was taken (`loops`, `inner_loops`), how many functions were `checked`, and per interpreter `series` of `values` (one
series for each process, in seconds, in their order), the peak `memory` in bytes, or an `error`.
"""
import datetime
import json
import os
import pathlib
import platform
import subprocess

from . import estimates
from .interpreters import REFERENCE

FORMAT = 1
HISTORY = pathlib.Path(__file__).resolve().parents[1] / "history"


def machine():
    facts = {"system": f"{platform.system()} {platform.release()} {platform.machine()}", "cores": os.cpu_count()}
    for file, key, name in (("/proc/cpuinfo", "model name", "processor"), ("/proc/meminfo", "MemTotal", "memory")):
        try:
            lines = pathlib.Path(file).read_text().splitlines()
        except OSError:
            continue
        facts[name] = next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "unknown")
    return facts


def commit():
    """The checkout's commit, with `+` if files differ from it."""
    here = pathlib.Path(__file__).parent

    def git(*arguments):
        return subprocess.run(["git", "-C", here, *arguments], capture_output=True, text=True).stdout.strip()

    try:
        name = git("rev-parse", "--short=10", "HEAD")
        return name + ("+" if name and git("status", "--porcelain", "--untracked-files=no") else "") or "unknown"
    except OSError:
        return "unknown"


def load_average():
    return round(os.getloadavg()[0], 2)


def new(interpreters, settings, suite=()):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    rows = [{"name": one.name, "version": one.version, "command": " ".join([os.path.basename(one.command[0]), *one.command[1:]])} for one in interpreters]
    return {"format": FORMAT, "started": now.isoformat(), "seconds": 0, "commit": commit(), "machine": machine(),
            "load": [load_average()], "settings": settings, "suite": list(suite), "interpreters": rows, "rows": []}


def save(run, file):
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    # One line for each benchmark: readable differences.
    rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in run["rows"])
    head = json.dumps({key: value for key, value in run.items() if key != "rows"}, indent=1).removesuffix("\n}")
    part.write_text(f'{head},\n "rows": [\n{rows}\n]\n}}\n')
    part.replace(file)


def load(name):
    """A run by its file, or by the beginning of its date or commit in the history."""
    file = pathlib.Path(name)
    if file.is_dir():
        file = file / "run.json"
    if not file.exists():
        found = [f for f in sorted(HISTORY.glob("*.json")) if f.stem.startswith(name) or f"-{name}" in f.stem]
        if not found:
            raise FileNotFoundError(f"{name} is no file, and {HISTORY} has nothing by that name")
        file = found[-1]
    run = json.loads(file.read_text())
    if run.get("format") != FORMAT:
        raise ValueError(f"{file} has format {run.get('format')}, not {FORMAT}")
    return run


def history_name(run):
    return f"{run['started'][:10]}-{run['commit'].rstrip('+')}.json"


def rounded(value):
    return float(f"{value:.5g}")


def result(series):
    """An interpreter's part of a row."""
    error = next((one.error for one in series if one.error), None)
    if error:
        return {"error": error}
    memory = [one.memory for one in series if one.memory]
    return {"series": [[rounded(value) for value in one.values] for one in series],
            "memory": max(memory) if memory else None}


def update(old, new):
    """An earlier run, with the rows of the programs that have run again in place of theirs."""
    who = [[(one["name"], one["version"]) for one in run["interpreters"]] for run in (old, new)]
    if who[0] != who[1]:
        raise ValueError(f"the earlier run had other interpreters: {who[0]}, not {who[1]}")
    again = {row["program"] for row in new["rows"]}
    kept = [row for row in old["rows"] if row["program"] not in again]
    # What the page says about all rows has to be true of each.
    settings = {key: min(old["settings"][key], new["settings"][key]) for key in old["settings"]}
    return {**old, "settings": settings, "seconds": old["seconds"] + new["seconds"], "load": old["load"] + new["load"],
            "rows": kept + new["rows"]}


def export_pyperf(pyperfs, folder):
    """Writes each interpreter's values as pyperf does: `python -m pyperf compare_to` reads them. What was measured again replaces
    what the folder has of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for key, suites in pyperfs.items():
        file = folder / f"{key}.json"
        before = json.loads(file.read_text())["benchmarks"] if file.exists() else []
        benchmarks = {}
        for suite in suites:
            common = suite.get("metadata", {})
            for benchmark in suite["benchmarks"]:
                metadata = {**common, **benchmark.get("metadata", {})}
                whole = benchmarks.setdefault(metadata["name"], {"metadata": metadata, "runs": []})
                whole["runs"] += benchmark["runs"]
        kept = [one for one in before if one["metadata"]["name"] not in benchmarks]
        file.write_text(json.dumps({"version": "1.0", "metadata": {}, "benchmarks": [*kept, *benchmarks.values()]}))


# Reading a run

def names(run):
    return [one["name"] for one in run["interpreters"]]


def subject(run):
    """The interpreter that the report is about."""
    here = names(run)
    return next((name for name in ("pyrs --jit", "pyrs") if name in here), here[0])


def measured(row, name):
    """The processes' values, or None if it failed or did not take part."""
    return row["results"].get(name, {}).get("series")


def warm(row, name):
    series = measured(row, name)
    return estimates.warm_of(series) if series else None


def first(row, name):
    series = measured(row, name)
    return min(one[0] for one in series) if series else None


def memory(row, name):
    return row["results"].get(name, {}).get("memory")


def settling(row, name):
    series = measured(row, name)
    per_value = row["loops"] * row["inner_loops"]
    return min(estimates.time_to_steady(one, per_value) for one in series) if series else None


def noise(row, name):
    series = measured(row, name)
    return max(estimates.spread(estimates.steady(one)) for one in series) if series else 0.0


def speed(row, name, figure=warm):
    """How many times as fast as the reference."""
    own, base = figure(row, name), figure(row, REFERENCE)
    return base / own if own and base else None


def speeds(run, name, figure=warm):
    found = (speed(row, name, figure) for row in run["rows"])
    return [ratio for ratio in found if ratio]


def overall(run, name, figure=warm):
    return estimates.geometric_mean(speeds(run, name, figure))


def errors(run):
    """All failures: (benchmark, interpreter, text)."""
    return [(row["benchmark"], name, row["results"][name]["error"]) for row in run["rows"] for name in names(run)
            if row["results"].get(name, {}).get("error")]
