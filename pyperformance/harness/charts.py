"""The pictures, as SVG that is readable on light and dark ground."""
import html
import math

from . import record, table
from .interpreters import REFERENCE, colour

STYLE = """
svg { font: 12px system-ui, sans-serif; color-scheme: light dark; }
.ground { fill: #ffffff; } .ink { fill: #24292f; } .faint { fill: #6e7781; }
.band { fill: #f3f5f7; } .grid { stroke: #d8dee4; } .one { stroke: #57606a; stroke-width: 1.5; }
.title { font-size: 15px; font-weight: 600; } .bad { fill: #cf222e; }
@media (prefers-color-scheme: dark) {
  .ground { fill: #0d1117; } .ink { fill: #e6edf3; } .faint { fill: #8d96a0; }
  .band { fill: #161b22; } .grid { stroke: #30363d; } .one { stroke: #9198a1; } .bad { fill: #ff7b72; }
}
"""


class Canvas:
    """Collects shapes and becomes an SVG document."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.parts = []

    def add(self, tag, text=None, hint=None, **attributes):
        inner = f"<title>{html.escape(hint)}</title>" if hint else ""
        inner += html.escape(text) if text is not None else ""
        shown = "".join(f' {name.rstrip("_").replace("_", "-")}="{html.escape(number(value))}"'
                        for name, value in attributes.items())
        self.parts.append(f"<{tag}{shown}>{inner}</{tag}>" if inner else f"<{tag}{shown}/>")

    def text(self, x, y, text, kind="ink", anchor="start", **attributes):
        self.add("text", text, x=x, y=y, class_=kind, text_anchor=anchor, **attributes)

    def line(self, x1, y1, x2, y2, kind="grid", **attributes):
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind, **attributes)

    def svg(self):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:.0f} {self.height:.0f}" '
                f'width="{self.width:.0f}" height="{self.height:.0f}" role="img">')
        ground = f'<rect class="ground" width="{self.width:.0f}" height="{self.height:.0f}"/>'
        return "\n".join([head, f"<style>{STYLE}</style>", ground, *self.parts, "</svg>\n"])


def number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


class LogScale:
    """Maps positive numbers to pixels."""

    def __init__(self, low, high, start, end):
        self.low, self.high = math.log(low), math.log(max(high, low * 1.01))
        self.start, self.end = start, end

    def __call__(self, value):
        part = (math.log(value) - self.low) / (self.high - self.low)
        return self.start + min(max(part, 0.0), 1.0) * (self.end - self.start)

    def powers(self):
        """Powers of two, for ratios."""
        first, last = math.ceil(self.low / math.log(2) - 1e-9), math.floor(self.high / math.log(2) + 1e-9)
        step = max(1, round((last - first) / 10))
        return [2.0 ** power for power in range(first, last + 1, step)]

    def round_numbers(self, most=5):
        """Some numbers with few digits, for quantities."""
        decades = range(math.floor(self.low / math.log(10)), math.ceil(self.high / math.log(10)) + 1)
        found = []
        for digits in ((1,), (1, 3), (1, 2, 5), range(1, 10), [n / 10 for n in range(10, 100)]):
            found = [n * 10.0 ** decade for decade in decades for n in digits
                     if self.low <= math.log(n * 10.0 ** decade) <= self.high]
            if len(found) >= 3:
                break
        return found[::math.ceil(len(found) / most)] if found else found


def label(ratio):
    return f"{ratio:g}x" if ratio >= 1 else f"1/{1 / ratio:g}x"


def legend(canvas, run, x, y, figure=None):
    """Names with their colours, in lines as wide as the picture; the height that it took."""
    start, top = x, y
    every = record.names(run)
    for name in every:
        mean = record.overall(run, name, figure) if figure and name != REFERENCE else None
        text = f"{name} {mean:.2f}x" if mean else name
        width = 24 + 7 * len(text)
        if x + width > canvas.width - 10 and x > start:
            x, y = start, y + 20
        canvas.add("circle", cx=x + 6, cy=y - 4, r=5, fill=colour(name, every))
        canvas.text(x + 16, y, text)
        x += width
    return y - top + 20


DOT_WIDTH, LABEL_WIDTH, FAILED_WIDTH, ROW = 1000, 190, 90, 16


def dots(run, figure, title, explanation):
    """One line for each benchmark, one dot for each interpreter, on a logarithmic scale of ratios."""
    rows = [row for row in table.ordered(run, figure) if figure(row, REFERENCE)]
    every = [name for name in record.names(run) if name != REFERENCE]
    ratios = [ratio for name in every for ratio in record.speeds(run, name, figure)]
    if not ratios:
        return None
    canvas = Canvas(DOT_WIDTH, 0)
    canvas.text(10, 22, title, "ink title")
    canvas.text(10, 42, explanation, "faint")
    top = 62 + legend(canvas, run, 10, 66, figure) + 18
    bottom = top + ROW * len(rows)
    left = LABEL_WIDTH + FAILED_WIDTH
    scale = LogScale(min(min(ratios), 0.5) / 1.1, max(max(ratios), 2) * 1.1, left, DOT_WIDTH - 20)
    axis(canvas, scale, top, bottom)
    for i, row in enumerate(rows):
        y = top + ROW * i + ROW / 2
        if i % 2 == 0:
            canvas.parts.insert(0, f'<rect class="band" x="0" y="{y - ROW / 2}" width="{DOT_WIDTH}" height="{ROW}"/>')
        dot_line(canvas, run, row, every, figure, scale, y)
    means(canvas, run, every, figure, scale, top, bottom)
    canvas.height = bottom + 30
    return canvas.svg()


def axis(canvas, scale, top, bottom):
    for tick in scale.powers():
        x = scale(tick)
        canvas.line(x, top, x, bottom, "one" if tick == 1 else "grid")
        for y in (top - 5, bottom + 15):
            canvas.text(x, y, label(tick), "faint", "middle")


def dot_line(canvas, run, row, every, figure, scale, y):
    canvas.text(LABEL_WIDTH - 4, y + 4, row["benchmark"], anchor="end")
    failed = [name for name in every if row["results"].get(name, {}).get("error")]
    for place, name in enumerate(failed):
        x = LABEL_WIDTH + 8 + 12 * place
        shape = f"M{x - 3} {y - 3}L{x + 3} {y + 3}M{x - 3} {y + 3}L{x + 3} {y - 3}"
        error = f"{name} failed: {row['results'][name]['error']}"
        canvas.add("path", hint=error, d=shape, stroke=colour(name, every), stroke_width=2)
    who = record.subject(run)
    # The subject's dot is on top of the others.
    for name in sorted(every, key=lambda name: name == who):
        ratio = record.speed(row, name, figure)
        if ratio:
            hint = f"{row['benchmark']}, {name}: {ratio:.3g}x"
            canvas.add("circle", hint=hint, cx=scale(ratio), cy=y, r=5 if name == who else 4,
                       fill=colour(name, every), fill_opacity=1 if name == who else 0.75)


def means(canvas, run, every, figure, scale, top, bottom):
    for name in every:
        mean = record.overall(run, name, figure)
        if mean:
            x = scale(mean)
            canvas.line(x, top, x, bottom, "mean", stroke=colour(name, every), stroke_dasharray="3 4", stroke_opacity=0.8)


PANEL, BAR = 480, 22


def overview(run):
    """Four panels of bars: speed when warm and at first, memory and start-up."""
    panels = [
        ("Warm speed", "geometric mean, more is better", lambda one: record.overall(run, one["name"], record.warm), "{:.2f}x"),
        ("First value", "fresh process, more is better", lambda one: record.overall(run, one["name"], record.first), "{:.2f}x"),
        ("Peak memory", "geometric mean, less is better", lambda one: inverse(record.overall(run, one["name"], record.memory)),
         "{:.2f}x"),
        ("Start-up", "milliseconds of `-c pass`, less is better",
         lambda one: 1000 * min(one["startup"]["values"]) if one.get("startup") else None, "{:.1f} ms"),
    ]
    height = 60 + BAR * len(run["interpreters"])
    canvas = Canvas(2 * PANEL + 40, 2 * height + 40)
    canvas.text(10, 22, f"pyperformance: at a glance ({REFERENCE} = 1)", "ink title")
    for i, (title, explanation, value, form) in enumerate(panels):
        bars(canvas, run, 10 + (i % 2) * (PANEL + 20), 50 + (i // 2) * height, (title, explanation), value, form)
    return canvas.svg()


def inverse(value):
    return 1 / value if value else None


def bars(canvas, run, x, y, titles, value, form):
    """Lengths are linear from zero."""
    canvas.text(x, y, titles[0], font_weight=600)
    canvas.text(x + 20 + 8 * len(titles[0]), y, titles[1], "faint")
    found = [(one["name"], value(one)) for one in run["interpreters"]]
    most = max((amount for _, amount in found if amount), default=1)
    for i, (name, amount) in enumerate(found):
        line = y + 12 + BAR * i
        canvas.text(x + 120, line + 13, name, anchor="end")
        if amount is None:
            canvas.text(x + 130, line + 13, "not measured", "faint")
            continue
        length = max((PANEL - 200) * amount / most, 1)
        canvas.add("rect", x=x + 126, y=line + 2, width=length, height=BAR - 6, rx=2, fill=colour(name, record.names(run)))
        canvas.text(x + 132 + length, line + 13, form.format(amount))


CURVE_WIDTH, CURVE_HEIGHT, COLUMNS, POINTS = 320, 200, 3, 150


def curves(run, rows, title):
    """One small picture for each benchmark: the time of each value against the time that has gone by, both logarithmic."""
    rows = [row for row in rows if any(record.measured(row, name) for name in record.names(run))]
    if not rows:
        return None
    canvas = Canvas(COLUMNS * CURVE_WIDTH + 20, 0)
    canvas.text(10, 22, title, "ink title")
    canvas.text(10, 42, "how long a value takes, after how much running: each iteration is a point", "faint")
    top = 62 + legend(canvas, run, 10, 66)
    for i, row in enumerate(rows):
        curve(canvas, run, row, 10 + (i % COLUMNS) * CURVE_WIDTH, top + (i // COLUMNS) * CURVE_HEIGHT)
    canvas.height = top + math.ceil(len(rows) / COLUMNS) * CURVE_HEIGHT + 10
    return canvas.svg()


def points(row, name):
    """(elapsed, value) after each value of an interpreter's first process, thinned evenly on the logarithmic axis."""
    per_value, elapsed, found = row["loops"] * row["inner_loops"], 0.0, []
    for value in record.measured(row, name)[0]:
        elapsed += value * per_value
        found.append((elapsed, value))
    if len(found) <= POINTS:
        return found
    kept = {round(math.exp(math.log(len(found)) * i / POINTS)) - 1 for i in range(POINTS + 1)}
    return [point for i, point in enumerate(found) if i in kept or i == 0]


def curve(canvas, run, row, x, y):
    lines = {name: points(row, name) for name in record.names(run) if record.measured(row, name)}
    every = [point for line in lines.values() for point in line]
    left, right, top, bottom = x + 56, x + CURVE_WIDTH - 14, y + 24, y + CURVE_HEIGHT - 30
    across = LogScale(min(e for e, _ in every), max(e for e, _ in every), left, right)
    up = LogScale(min(v for _, v in every) / 1.1, max(v for _, v in every) * 1.1, bottom, top)
    canvas.text(x + 56, y + 14, row["benchmark"], font_weight=600)
    for tick in up.round_numbers():
        canvas.line(left, up(tick), right, up(tick))
        canvas.text(left - 5, up(tick) + 4, table.duration(tick), "faint", "end", font_size=10)
    for tick in across.round_numbers(4):
        canvas.line(across(tick), top, across(tick), bottom)
        canvas.text(across(tick), bottom + 14, table.duration(tick), "faint", "middle", font_size=10)
    for name, line in sorted(lines.items(), key=lambda item: item[0] == record.subject(run)):
        path = " ".join(f"{across(e):.1f},{up(v):.1f}" for e, v in line)
        shade = colour(name, record.names(run))
        canvas.add("polyline", hint=name, points=path, fill="none", stroke=shade, stroke_width=1.5, stroke_opacity=0.9)
        canvas.add("circle", cx=across(line[0][0]), cy=up(line[0][1]), r=2.5, fill=shade)


# The programs whose warm-up is worth a look: short and long loops, calls, generators, strings, many types.
CHOSEN = ("nbody", "richards", "deltablue", "fannkuch", "raytrace", "chaos", "go", "generators", "pyflate", "hexiom",
          "json_dumps", "regex_v8", "deepcopy", "async_tree_none", "scimark_sor")


def all_of(run, chosen=CHOSEN):
    """All pictures: (key, title, SVG)."""
    better = f"right is better: times as fast as {REFERENCE}; dashed lines: geometric means; x: failed"
    less = f"right is better: {REFERENCE}'s memory, divided by the interpreter's"
    found = [
        ("overview", "At a glance", overview(run)),
        ("warm", "Warm speed", dots(run, record.warm, "Warm speed of each benchmark", better)),
        ("first", "First value", dots(run, record.first, "First value in a fresh process", better)),
        ("memory", "Peak memory", dots(run, record.memory, "Peak memory of each benchmark", less)),
        ("curves", "Warm-up", curves(run, [row for row in run["rows"] if row["benchmark"] in chosen], "Warm-up")),
    ]
    return [picture for picture in found if picture[2]]


def other_curves(run, chosen=CHOSEN):
    """The warm-up of everything that is not chosen."""
    return curves(run, [row for row in run["rows"] if row["benchmark"] not in chosen], "Warm-up of the others")

