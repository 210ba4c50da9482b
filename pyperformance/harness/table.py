"""The run as a page of Markdown."""
from . import estimates, record
from .interpreters import REFERENCE


def duration(seconds):
    """Three digits and a unit."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{significant(seconds / size)} {unit}"
    return f"{significant(seconds / 1e-9)} ns"


def significant(number):
    if number >= 100:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def megabytes(size):
    return f"{size / 1e6:.0f} MB"


def lines_of(header, rows, numbers=1):
    """A table; all columns but the first ones hold numbers."""
    rule = [" --- " if i < numbers else " ---: " for i in range(len(header))]
    table = [header, *rows]
    return ["| " + " | ".join(table[0]) + " |", "|" + "|".join(rule) + "|",
            *("| " + " | ".join(row) + " |" for row in table[1:])]


def where(run):
    facts = run["machine"]
    settings = run["settings"]
    return [
        f"{run['started'].replace('T', ' ').removesuffix('+00:00')} UTC, commit {run['commit']}, "
        f"{facts.get('processor', 'unknown processor')}, {facts['cores']} cores, {facts.get('memory', '')}, "
        f"{facts['system']}; load {run['load'][0]:.1f} at the start and {run['load'][-1]:.1f} at the end.",
        f"{run['seconds'] / 60:.0f} minutes; for each benchmark and interpreter {settings['processes']} process(es) of "
        f"{settings['seconds']:g} s or more, taking turns of 0.1 s.",
    ]


def summary(run):
    """One line for each interpreter: (name, cells)."""
    header = ["interpreter", "warm", "first value", "memory", "start-up", "start-up memory", "benchmarks", "failed"]
    rows = []
    failed = record.errors(run)
    for one in run["interpreters"]:
        name = one["name"]
        ratios = [record.overall(run, name, figure) for figure in (record.warm, record.first)]
        heap = record.overall(run, name, record.memory)
        start = one.get("startup")
        rows.append([
            name, *(f"{ratio:.2f}x" if ratio else "" for ratio in ratios), f"{1 / heap:.2f}x" if heap else "",
            duration(min(start["values"])) if start else "", megabytes(start["memory"]) if start else "",
            str(len(record.speeds(run, name))), str(sum(who == name for _, who, _ in failed))])
    return lines_of(header, rows)


def ordered(run, figure=record.warm):
    """The rows, the subject's best first; those without a ratio last. With a compiler that fails, its interpreter counts."""
    own = [name for name in (record.subject(run), "pyrs") if name in record.names(run)]

    def place(row):
        ratio = next(filter(None, (record.speed(row, name, figure) for name in own)), 0)
        return -ratio, row["benchmark"]

    return sorted(run["rows"], key=place)


def cell(row, name, figure):
    if row["results"].get(name, {}).get("error"):
        return "failed"
    ratio = record.speed(row, name, figure)
    if not ratio:
        return ""
    return f"{ratio:.2f}" + (" ~" if figure is record.warm and record.noise(row, name) > estimates.NOISY else "")


def comparison(run, figure):
    others = [name for name in record.names(run) if name != REFERENCE]
    rows = []
    for row in ordered(run, figure):
        base = figure(row, REFERENCE)
        unit = megabytes if figure is record.memory else duration
        rows.append([row["benchmark"], unit(base) if base else "failed", *(cell(row, n, figure) for n in others)])
    return lines_of(["benchmark", REFERENCE, *others], rows)


def settling(run):
    rows = []
    for row in ordered(run):
        found = [record.settling(row, name) for name in record.names(run)]
        rows.append([row["benchmark"], *("" if one is None else duration(one) if one else "0" for one in found)])
    return lines_of(["benchmark", *record.names(run)], rows)


def failures(run):
    return lines_of(["benchmark", "interpreter", "error"],
                    [[a, b, "`" + text.replace("|", "\\|").replace("`", "'") + "`"] for a, b, text in record.errors(run)], 3)


def warnings(run):
    """What makes figures doubtful."""
    found = []
    noisy = [row["benchmark"] for row in run["rows"]
             if any(record.noise(row, name) > estimates.NOISY for name in record.names(run))]
    if noisy:
        found.append(f"{len(noisy)} of {len(run['rows'])} benchmarks are noisy in some interpreter (marked ~): their steady "
                     f"values are spread by more than {estimates.NOISY:.0%}.")
    if run["settings"]["seconds"] < 1:
        found.append("Less than a second for each benchmark: compilers that take longer to warm up are shown slower than they become.")
    if max(run["load"]) > run["machine"]["cores"]:
        found.append("The machine had more to do than it has cores: what the figures say against each other is better than "
                     "each of them.")
    return found


def left_out(run):
    """The suite's programs that the run was not asked to measure, or did not come to."""
    done = {row["program"] for row in run["rows"]}
    return [name for name in run.get("suite", ()) if name not in done]


def page(run, pictures):
    """The whole page; `pictures` are (title, file) pairs."""
    notes = warnings(run)
    versions = lines_of(["interpreter", "version"], [[f"{one['name']}", one["version"]] for one in run["interpreters"]], 2)
    sections = [
        ["# pyperformance", "", *where(run), *(["", *notes] if notes else [])],
        ["## At a glance", "", f"Geometric means over the benchmarks that both run, {REFERENCE} = 1; speeds: more is "
         "better, memory: less is better. The first value is that of a fresh process, its imports done.", "", *summary(run)],
        *([f"![{title}]({file})"] for title, file in pictures),
        ["## Warm", "", f"Times as fast as {REFERENCE} at its steady speed, whose time is in the first column. `~`: noisy.",
         "", *comparison(run, record.warm)],
        ["## First value", "", "Times as fast, in a fresh process.", "", *comparison(run, record.first)],
        ["## Time to steady state", "", "How long the benchmark had run when it got no faster any more.", "", *settling(run)],
        ["## Peak memory", "", f"{REFERENCE}'s, and times as little as it.", "", *comparison(run, record.memory)],
        ["## Failures", "", *(failures(run) if record.errors(run) else ["None."])],
        ["## Not measured", "", ", ".join(left_out(run)) or "Nothing."],
        ["## Versions", "", *versions],
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"
