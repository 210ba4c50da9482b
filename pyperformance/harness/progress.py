"""A line that says how far the run is and how long it will go on."""
import sys
import time

WIDTH = 30


class Progress:
    def __init__(self, total, stream=sys.stderr):
        self.total = total
        self.done = 0
        self.stream = stream
        self.started = time.monotonic()
        self.live = stream.isatty()

    def show(self, what):
        """Overwritten on a terminal; elsewhere only `finish` writes."""
        if self.live:
            self.stream.write(f"\r\x1b[K{self.line(what)}")
            self.stream.flush()

    def finish(self, what):
        """One more is done."""
        self.done += 1
        if self.live:
            self.show(what)
        else:
            self.stream.write(self.line(what) + "\n")
            self.stream.flush()

    def note(self, text):
        self.stream.write(("\r\x1b[K" if self.live else "") + text + "\n")
        self.stream.flush()

    def close(self):
        if self.live:
            self.stream.write("\r\x1b[K")

    def line(self, what):
        filled = WIDTH * self.done // max(self.total, 1)
        return f"[{'#' * filled}{'.' * (WIDTH - filled)}] {self.done}/{self.total} {self.left()} {what[:60]}"

    def left(self):
        if not self.done:
            return "--:-- left"
        seconds = (time.monotonic() - self.started) / self.done * (self.total - self.done)
        return f"{int(seconds) // 60:02}:{int(seconds) % 60:02} left"
