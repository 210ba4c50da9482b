"""Tests of the harness, without network: `python3 -m unittest discover -s pyperformance/tests -t pyperformance`."""
import json
import pathlib
import random
import re
import sys
import tempfile
import unittest
import xml.dom.minidom

from harness import charts, check, comparison, estimates, interpreters, measure, record, report, suite, table, worker
from harness.session import Failed, Session

# As much of pyperf as the worker touches, and one program.
PYPERF = {
    "pyperf/__init__.py": """
import json, sys, time
from pyperf._worker import WorkerTask

class Runner:
    def parse_args(self):
        settings = dict(a.lstrip('-').partition('=')[::2] for a in sys.argv[1:] if '=' in a)
        self.loops, self.task = int(settings['loops']), int(settings.get('worker-task', 0))
        self.output, self.count = settings.get('output'), 0

    def bench_func(self, name, function):
        def run(task, loops):
            start = time.perf_counter()
            for _ in range(loops):
                function()
            return time.perf_counter() - start
        task = WorkerTask(name, run)
        return self._main(task)

    def _main(self, task):
        self.parse_args()
        task.loops = self.loops
        task.compute_warmups_values()
        runs = [{'values': task.values}]
        with open(self.output, 'w') as file:
            json.dump({'metadata': {'name': task.name}, 'benchmarks': [{'runs': runs}]}, file)
""",
    "pyperf/_worker.py": """
class WorkerTask:
    def __init__(self, name, function):
        self.name, self.task_func, self.inner_loops, self.values = name, function, None, []
""",
}


class Programs(unittest.TestCase):
    """A folder with programs, run by this interpreter."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name, text in PYPERF.items():
            file = self.folder / "site" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.path = [str(self.folder / "site")]
        self.here = interpreters.Interpreter("here", (sys.executable,))

    def program(self, body, head=""):
        script = self.folder / "run_benchmark.py"
        lines = [head, "import pyperf", "def work():", *(f"    {line}" for line in body.splitlines()),
                 "pyperf.Runner().bench_func('work', work)"]
        script.write_text("\n".join(lines) + "\n")
        return suite.Program("work", script, (), ())

    def expect(self, program):
        return check.expect(self.here, program, self.path, 60)

    def test_same_results(self):
        expected = self.expect(self.program("return sum(range(1000))"))
        self.assertEqual(list(expected.results["work"]), ["run_benchmark.py:work"])
        self.assertGreater(expected.plan["work"]["loops"], 100)
        verdict = check.check(self.here, self.program("return sum(range(1000))"), self.path, 60, expected)
        self.assertEqual(verdict, {"work": None})

    def test_wrong_results(self):
        expected = self.expect(self.program("return [1.0, {'a': 2}]"))
        verdict = check.check(self.here, self.program("return [1.0, {'a': 3}]"), self.path, 60, expected)
        self.assertEqual(verdict, {"work": "wrong results of run_benchmark.py:work"})

    def test_wrong_when_warm(self):
        """Right at first and wrong later: what a faulty compiler would do."""
        expected = self.expect(self.program("count[0] += 1\nreturn 1", "count = [0]"))
        self.assertGreater(expected.plan["work"]["warm"], 1)
        program = self.program("count[0] += 1\nreturn 1 if count[0] < 10 else 2", "count = [0]")
        verdict = check.check(self.here, program, self.path, 60, expected)
        self.assertEqual(verdict, {"work": "wrong results of run_benchmark.py:work"})

    def test_wrong_output(self):
        expected = self.expect(self.program("return 1", "print('a')"))
        verdict = check.check(self.here, self.program("return 1", "print('b')"), self.path, 60, expected)
        self.assertRegex(verdict["work"], "wrong output: 'b")

    def test_changing_results_do_not_count(self):
        expected = self.expect(self.program("return other(), random.random()",
                                            "import random\ndef other():\n    return 1"))
        self.assertEqual(list(expected.results["work"]), ["run_benchmark.py:other"])

    def test_error(self):
        with self.assertRaisesRegex(Failed, "^ValueError: no$"):
            self.expect(self.program("raise ValueError('no')"))

    def test_silence(self):
        with self.assertRaisesRegex(Failed, "no answer within 1 s"):
            check.expect(self.here, self.program("time.sleep(100)", "import time"), self.path, 1)

    def test_crash(self):
        with self.assertRaisesRegex(Failed, "killed by SIGKILL"):
            self.expect(self.program("os.kill(os.getpid(), 9)", "import os"))

    def test_measure(self):
        program = self.program("time.sleep(0.002)", "import time")
        budget = measure.Budget(seconds=0.1, values=500, limit=60)
        two = [self.here, interpreters.Interpreter("again", (sys.executable,))]
        found = measure.measure(two, program, self.path, 0, 5, budget)
        self.assertEqual(set(found), {"here", "again"})
        for series in found.values():
            self.assertIsNone(series.error)
            self.assertGreaterEqual(len(series.values), measure.FEWEST_VALUES)
            self.assertTrue(all(0.002 <= value < 0.1 for value in series.values))
            self.assertGreater(series.memory, 1_000_000)
            self.assertEqual(series.pyperf["benchmarks"][0]["runs"][0]["values"], series.values)

    def test_failure_is_one_row(self):
        """One interpreter's failure leaves the others alone."""
        program = self.program("return 1 / (sys.flags.optimize - 1)", "import sys")
        budget = measure.Budget(seconds=0.05, values=50, limit=60)
        bad = interpreters.Interpreter("bad", (sys.executable, "-O"))
        found = measure.measure([self.here, bad], program, self.path, 0, 1000, budget)
        self.assertIsNone(found["here"].error)
        self.assertEqual(found["bad"].error, "ZeroDivisionError: division by zero")

    def test_many_lines_of_output(self):
        """What a program writes does not get in the way of the conversation."""
        program = self.program("print('x' * 100000)")
        with Session(self.here, program, self.path, "check", {}, 60) as session:
            self.assertEqual(session.receive()["task"], "work")


class Descriptions(unittest.TestCase):
    def test_equal(self):
        for value in (1, -5, 1 << 300, 1.5, float("inf"), "a\ud800", b"a", None, True, (1, [2, {"a": {3, 1}}])):
            self.assertEqual(worker.describe(value, 3), worker.describe(value, 3))

    def test_different(self):
        values = [1, 2, 1.0, "1", b"1", None, True, (1,), [1], {1}, {1: 1}, [[1]], [[2]], 1 << 300]
        self.assertEqual(len({worker.describe(value, 3) for value in values}), len(values))

    def test_order_of_sets(self):
        self.assertEqual(worker.describe({"a", "b"}, 3), worker.describe({"b", "a"}, 3))

    def test_rounding(self):
        self.assertEqual(worker.describe(0.1 + 0.2, 3), worker.describe(0.3, 3))


class Estimates(unittest.TestCase):
    def test_steady_start(self):
        values = [9.0, 8.0, 5.0, 1.1, 1.0, 1.02, 1.0, 1.01, 1.0, 5.0, 1.0, 1.0]
        self.assertEqual(estimates.steady_start(values), 3 - 1 + 1)
        self.assertEqual(estimates.steady_start([1.0] * 5), 0)
        self.assertEqual(estimates.steady([1.0]), [1.0])

    def test_is_steady(self):
        self.assertFalse(estimates.is_steady([1.0, 1.0]))
        self.assertFalse(estimates.is_steady([9.0, 8.0, 7.0, 6.0, 5.0, 4.0]))
        self.assertTrue(estimates.is_steady([9.0, 8.0, 1.0, 1.0, 1.0, 1.0]))

    def test_level_ignores_disturbances(self):
        self.assertAlmostEqual(estimates.level([1.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0]), 1.0)

    def test_geometric_mean(self):
        self.assertAlmostEqual(estimates.geometric_mean([2.0, 0.5, 8.0]), 2.0)
        self.assertIsNone(estimates.geometric_mean([]))

    def test_interval_holds_the_truth(self):
        """The interval of a ratio covers the true one nearly always."""
        generator = random.Random(7)
        hits = 0
        for _ in range(40):
            above, below = ([[abs(generator.gauss(mean, 0.05 * mean)) for _ in range(40)]] for mean in (3.0, 2.0))
            low, likely, high = estimates.ratio_interval(above, below)
            self.assertTrue(low <= likely <= high)
            hits += low <= 1.5 <= high
        self.assertGreaterEqual(hits, 36)


def example(factor=1.0, drift=1.0, **changed):
    """A run of three interpreters; the figures are made up."""
    rows = []
    for i, name in enumerate(("alpha", "beta", "gamma")):
        base = 0.01 * (i + 1) * drift
        series = [3 * base, 1.5 * base, *[base, base * 1.01, base * 0.99] * 5]
        results = {"pyrs": {"series": [[value / factor for value in series]], "memory": 2_000_000},
                   interpreters.REFERENCE: {"series": [series], "memory": 1_000_000},
                   "PyPy": {"error": "TypeError: a | b < `c`"}}
        rows.append({"benchmark": name, "program": name, "tags": [], "loops": 2, "inner_loops": 1, "checked": 3,
                     "results": {**results, **changed}})
    who = [interpreters.Interpreter(name, (name,), version="1") for name in ("pyrs", interpreters.REFERENCE, "PyPy")]
    run = record.new(who, {"seconds": 1.0, "processes": 1, "values": 10, "limit": 10})
    run["load"] = [0.1]
    return {**run, "rows": rows}


class Records(unittest.TestCase):
    def test_saved_and_loaded(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "run.json"
            run = example(2.0)
            for one in (run, {"rows": run["rows"], **run}):
                record.save(one, file)
                self.assertEqual(record.load(folder), one)
            file.write_text(json.dumps({"format": 0}))
            with self.assertRaisesRegex(ValueError, "has format 0, not 1"):
                record.load(file)

    def test_figures(self):
        run = example(2.0)
        self.assertAlmostEqual(record.overall(run, "pyrs"), 2.0)
        self.assertAlmostEqual(record.overall(run, "pyrs", record.first), 2.0)
        self.assertAlmostEqual(record.overall(run, "pyrs", record.memory), 0.5)
        self.assertIsNone(record.overall(run, "PyPy"))
        self.assertEqual(len(record.errors(run)), 3)
        self.assertAlmostEqual(record.settling(run["rows"][0], "pyrs"), 0.03)

    def test_updated(self):
        again = example(2.0)
        again["rows"] = again["rows"][:1]
        whole = record.update(example(1.0), again)
        self.assertEqual({row["benchmark"]: round(record.speed(row, "pyrs"), 3) for row in whole["rows"]},
                         {"alpha": 2.0, "beta": 1.0, "gamma": 1.0})
        again["interpreters"] = again["interpreters"][:2]
        with self.assertRaisesRegex(ValueError, "the earlier run had other interpreters"):
            record.update(example(1.0), again)

    def test_pyperf_files(self):
        one = {"metadata": {"name": "alpha", "loops": 2}, "benchmarks": [{"runs": [{"values": [1.0]}]}]}
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(2):
                record.export_pyperf({"pyrs": [one, one]}, pathlib.Path(folder))
            written = json.loads((pathlib.Path(folder) / "pyrs.json").read_text())
        self.assertEqual(len(written["benchmarks"]), 1)
        self.assertEqual(len(written["benchmarks"][0]["runs"]), 2)


class Shown(unittest.TestCase):
    def test_tables(self):
        page = table.page(example(2.0), [("Warm", "warm.svg")])
        self.assertIn("| alpha | 9.90 ms | 2.00 | failed |", page)
        self.assertIn(r"`TypeError: a \| b < 'c'`", page)

    def test_report(self):
        with tempfile.TemporaryDirectory() as folder:
            page = report.write(example(2.0), pathlib.Path(folder)).read_text()
            names = {file.name for file in pathlib.Path(folder).iterdir()}
        self.assertLessEqual({"RESULTS.md", "report.html", "overview.svg", "warm.svg", "first.svg", "memory.svg"}, names)
        self.assertTrue("TypeError: a | b &lt; &#x27;c&#x27;" in page)
        for name in ("alpha", "beta", "gamma"):
            self.assertTrue(name in page)

    def test_pictures_are_well_formed(self):
        run = example(4.0)
        pictures = [svg for _, _, svg in charts.all_of(run, ("alpha",))] + [charts.other_curves(run, ("alpha",))]
        self.assertEqual(len(pictures), 6)
        for svg in pictures:
            xml.dom.minidom.parseString(svg)
            self.assertNotRegex(svg, r"\bnan\b|\binf\b")

    def test_scale(self):
        scale = charts.LogScale(0.25, 4.0, 0, 100)
        self.assertEqual([round(scale(x)) for x in (0.25, 1, 4)], [0, 50, 100])
        self.assertEqual(scale.powers(), [0.25, 0.5, 1.0, 2.0, 4.0])
        for low, high in ((1, 1000), (0.011, 0.013), (5e-6, 3e-4)):
            ticks = charts.LogScale(low, high, 0, 1).round_numbers()
            self.assertTrue(2 <= len(ticks) <= 5 and all(low * 0.999 <= tick <= high * 1.001 for tick in ticks), (low, high, ticks))


class Compared(unittest.TestCase):
    def test_faster(self):
        changes, others = comparison.compare(example(1.0), example(2.0), "pyrs")
        self.assertEqual([round(one.likely, 3) for one in changes], [2.0] * 3)
        self.assertTrue(all(one.certain for one in changes))
        self.assertEqual(others, [])

    def test_machine_got_slower(self):
        """The reference lost as much: nothing has changed."""
        changes, _ = comparison.compare(example(1.0), example(1.0, drift=1.3), "pyrs")
        for one in changes:
            self.assertAlmostEqual(one.likely, 1 / 1.3, 2)
            self.assertAlmostEqual(one.corrected, 1.0, 2)
            self.assertFalse(one.certain)
            self.assertIn("CPython 3.14 -23%", one.notes)

    def test_failures(self):
        broken = example(1.0, pyrs={"error": "TypeError: no"})
        changes, others = comparison.compare(example(1.0), broken, "pyrs")
        self.assertEqual(changes, [])
        self.assertEqual(others[0], "alpha: fails now: TypeError: no")
        lines = comparison.text(broken, example(1.0), "pyrs")
        self.assertTrue(any(re.match("alpha: works now, failed before: TypeError: no", line) for line in lines))


class Options(unittest.TestCase):
    def test_interpreter(self):
        one = interpreters.from_option("mine=A=1 python3 -X 'a b'")
        self.assertEqual((one.name, one.command, one.environment), ("mine", ("python3", "-X", "a b"), (("A", "1"),)))
        for wrong in ("python3", "=python3", "a=", "a=B=1"):
            with self.assertRaises(ValueError):
                interpreters.from_option(wrong)

    def test_select(self):
        found = [suite.Program(name, pathlib.Path(), (), tags) for name, tags in (("a_one", ("math",)), ("b_two", ()))]
        self.assertEqual([one.name for one in suite.select(found, ["b*", "math"])], ["a_one", "b_two"])
        with self.assertRaisesRegex(suite.Unavailable, "no program is called 'c'"):
            suite.select(found, ["c"])


if __name__ == "__main__":
    unittest.main()
