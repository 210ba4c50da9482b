"""Two runs of the same benchmarks: what changed, and whether that can be believed."""
import dataclasses

from . import estimates, record, table
from .interpreters import REFERENCE

# An interval wider than this, or a reference that moved by more than this, is worth a warning.
WIDE = 0.10
MOVED = 0.05


@dataclasses.dataclass
class Change:
    """One benchmark: speed after, divided by speed before."""

    benchmark: str
    before: float
    after: float
    low: float
    likely: float
    high: float
    # The same for the reference, which did not change: what the machine did. None if it was not measured.
    reference: float | None

    @property
    def corrected(self):
        return self.likely / (self.reference or 1.0)

    @property
    def certain(self):
        """Beyond chance, and beyond what happened to the reference."""
        drift = self.reference or 1.0
        low, high = min(1.0, drift), max(1.0, drift)
        return self.low > high or self.high < low

    @property
    def notes(self):
        found = []
        if (self.high - self.low) / self.likely > WIDE:
            found.append("noisy")
        if self.reference and abs(self.reference - 1) > MOVED:
            found.append(f"{REFERENCE} {self.reference - 1:+.0%}")
        return ", ".join(found)


def compare(before, after, who):
    """(changes, texts about what cannot be compared)."""
    old, new = ({row["benchmark"]: row for row in run["rows"]} for run in (before, after))
    changes, others = [], []
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            others.append(f"{name}: only in the {'second' if name in new else 'first'} run")
            continue
        series = [record.measured(row, who) for row in (old[name], new[name])]
        if all(series):
            changes.append(change(name, old[name], new[name], who))
        elif any(series):
            failed = (old if series[1] else new)[name]["results"].get(who, {}).get("error", "not measured")
            others.append(f"{name}: {'works now, failed before' if series[1] else 'fails now'}: {failed}")
    return changes, others


def change(name, old, new, who):
    interval = estimates.ratio_interval(record.measured(old, who), record.measured(new, who))
    drift = None
    if who != REFERENCE and record.warm(old, REFERENCE) and record.warm(new, REFERENCE):
        drift = record.warm(old, REFERENCE) / record.warm(new, REFERENCE)
    return Change(name, record.warm(old, who), record.warm(new, who), *interval, drift)


def text(before, after, who):
    """The lines that the command shows."""
    changes, others = compare(before, after, who)
    lines = [f"{who}: {before['commit']} ({before['started'][:10]}) → {after['commit']} ({after['started'][:10]})"]
    lines += doubts(before, after)
    rows = [[one.benchmark, table.duration(one.before), table.duration(one.after), f"{one.likely:.2f}x",
             f"{one.low:.2f} – {one.high:.2f}", f"{one.corrected:.2f}x", verdict(one), one.notes]
            for one in sorted(changes, key=lambda one: one.corrected)]
    header = ["benchmark", "before", "after", "speed", "95 %", "beside the reference", "", "notes"]
    lines += ["", *table.lines_of(header, rows), "", *means(changes), *others]
    return lines


def verdict(one):
    if not one.certain:
        return "="
    return "faster" if one.corrected > 1 else "slower"


def means(changes):
    if not changes:
        return ["nothing to compare"]
    lines = []
    for title, ratios in (("speed", [one.likely for one in changes]),
                          ("speed beside the reference", [one.corrected for one in changes])):
        low, high = estimates.mean_interval(ratios)
        mean = estimates.geometric_mean(ratios)
        lines.append(f"{title}, geometric mean of {len(ratios)}: {mean:.3f}x ({low:.3f} – {high:.3f})")
    noisy = sum("noisy" in one.notes for one in changes)
    if noisy:
        lines.append(f"{noisy} of {len(changes)} benchmarks are too noisy for differences below {WIDE:.0%}; "
                     "more --seconds and --processes help")
    return lines


def doubts(before, after):
    """What keeps the two runs from being comparable."""
    found = []
    if before["machine"].get("processor") != after["machine"].get("processor"):
        found.append("the runs are from different machines: only the ratios beside the reference mean something")
    for key in ("seconds", "processes"):
        if before["settings"][key] != after["settings"][key]:
            found.append(f"the runs differ in --{key}: {before['settings'][key]:g} and {after['settings'][key]:g}")
    versions = [next((one["version"] for one in run["interpreters"] if one["name"] == REFERENCE), "")
                for run in (before, after)]
    if versions[0] != versions[1]:
        found.append(f"{REFERENCE} itself has changed: {versions[0]}, then {versions[1]}")
    for run, which in ((before, "first"), (after, "second")):
        if max(run["load"]) > run["machine"]["cores"]:
            found.append(f"the {which} run's machine was busy (load {max(run['load']):.1f})")
    return found
