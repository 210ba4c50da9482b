"""A worker process, and the conversation with it."""
import json
import os
import pathlib
import selectors
import signal
import subprocess
import tempfile
import time

from . import interpreters, suite

WORKER = pathlib.Path(__file__).with_name("worker.py")


class Failed(Exception):
    """The program did not run to its end; the text says why."""


class Session:
    """One program in one interpreter. Use it in a `with` statement: its end is the process's."""

    def __init__(self, interpreter, program, path, mode, settings, limit):
        self.limit = limit
        self.folder = tempfile.TemporaryDirectory(prefix="pyrs-bench-")
        here = pathlib.Path(self.folder.name)
        self.output, self.errors, self.json = here / "stdout", here / "stderr", here / "values.json"
        answers, worker_writes = os.pipe()
        worker_reads, orders = os.pipe()
        environment = interpreters.environment(interpreter, path)
        environment["BENCH_TURNS"] = f"{worker_reads},{worker_writes}"
        environment["PYTHONHASHSEED"] = str(settings.get("seed", 1))
        command = [*interpreter.command, str(WORKER), mode, str(program.script), *program.options]
        with open(self.output, "wb") as output, open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, cwd=self.folder.name,
                env=environment, pass_fds=(worker_reads, worker_writes), start_new_session=True)
        os.close(worker_reads)
        os.close(worker_writes)
        self.answers, self.orders = answers, orders
        self.unread = b""
        self.send({**settings, "output": str(self.json)})

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        try:
            # The session is the process's own: its children end with it.
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.answers)
        os.close(self.orders)
        self.folder.cleanup()

    def send(self, order):
        try:
            os.write(self.orders, json.dumps(order).encode() + b"\n")
        except BrokenPipeError:
            # Why it ended is found when its answer is read.
            pass

    def receive(self):
        """The next answer; `Failed` if the process ends or says nothing for too long."""
        end = time.monotonic() + self.limit
        with selectors.DefaultSelector() as selector:
            selector.register(self.answers, selectors.EVENT_READ)
            while b"\n" not in self.unread:
                if not selector.select(max(end - time.monotonic(), 0)):
                    raise Failed(f"no answer within {self.limit:.0f} s")
                data = os.read(self.answers, 1 << 16)
                if not data:
                    raise Failed(self.reason())
                self.unread += data
        line, _, self.unread = self.unread.partition(b"\n")
        return json.loads(line)

    def reason(self):
        """The last line that the dead process wrote, or how it ended."""
        code = self.process.wait()
        text = self.errors.read_text(errors="replace") or self.output.read_text(errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        # Where the files lie is nobody's business who reads the table.
        return lines[-1].replace(f"{suite.cache_folder()}/", "")[:200] if lines else f"exit code {code}"

    def peak_memory(self):
        """The most memory that the process has had, in bytes, or None where the system does not say."""
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return None
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return None
