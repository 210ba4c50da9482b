"""Whether a program does the same everywhere.

A check runs each benchmark of a program once, then for a while, then once more, and takes digests of what its functions
return in the first and the last run. The reference makes the plan, and does it twice, with different hashing of strings:
functions that return something else each time (clocks, random numbers, sets in their order) don't count, nor does such
output. Everything else has to be the reference's in all interpreters.
"""
import dataclasses

from .session import Failed, Session


@dataclasses.dataclass
class Expected:
    """What the reference does."""

    # Benchmark → {function: digest}, as far as it is always the same.
    results: dict
    # Benchmark → how often it is repeated between the looks (`warm`) and within a value (`loops`).
    plan: dict
    # None: it differs from time to time.
    output: str | None

    @property
    def benchmarks(self):
        return list(self.results)


def look(interpreter, program, path, limit, settings):
    """One run of a program: what its benchmarks answer, and what was written."""
    with Session(interpreter, program, path, "check", settings, limit) as session:
        answers = []
        while "end" not in (answer := session.receive()):
            answers.append(answer)
        session.process.wait()
        return {answer["task"]: answer for answer in answers}, session.output.read_text(errors="replace")


def expect(reference, program, path, limit):
    """What all interpreters have to do; `Failed` if the reference cannot."""
    first, output = look(reference, program, path, limit, {})
    if not first:
        raise Failed("the program has no benchmark")
    plan = {name: answer["plan"] for name, answer in first.items()}
    if any(one["warm"] for one in plan.values()):
        first, output = look(reference, program, path, limit, {"plan": plan})
    second, again = look(reference, program, path, limit, {"plan": plan, "seed": 2})
    results = {name: common(answer["results"], second[name]["results"]) for name, answer in first.items()}
    return Expected(results, plan, output if output == again else None)


def common(first, second):
    return {name: digest for name, digest in first.items() if second.get(name) == digest}


def check(interpreter, program, path, limit, expected):
    """For each benchmark a text that says what is wrong, or None."""
    answers, output = look(interpreter, program, path, limit, {"plan": expected.plan})
    if expected.output is not None and output != expected.output:
        return dict.fromkeys(expected.benchmarks, f"wrong output: {output[:100]!r}, not {expected.output[:100]!r}")
    verdicts = {}
    for name, results in expected.results.items():
        if name not in answers:
            verdicts[name] = "the benchmark did not run"
            continue
        found = answers[name]["results"]
        wrong = [function for function, digest in results.items() if found.get(function) != digest]
        verdicts[name] = f"wrong results of {', '.join(sorted(wrong)[:3])}" if wrong else None
    return verdicts
