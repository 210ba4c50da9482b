"""Files from a run: Markdown, pictures, and a page with all of it that needs nothing else."""
import html
import re
import shutil

from . import charts, record, table
from .interpreters import colour

PAGE_STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --ink: #24292f; --faint: #6e7781; --line: #d8dee4; --band: #f3f5f7; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0d1117; --ink: #e6edf3; --faint: #8d96a0; --line: #30363d; --band: #161b22; }
}
body { background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 1040px; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; font-size: 1.2rem; }
.faint { color: var(--faint); } svg { max-width: 100%; height: auto; display: block; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; }
th, td { padding: 2px 8px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--ground); }
td.text { text-align: left; white-space: normal; } tr:hover td { background: var(--band); }
.failed { color: #cf222e; } nav a { margin-right: 1rem; } code { font-size: 12px; }
.warning { border-left: 4px solid #d4a72c; padding: 0.2rem 0.8rem; background: var(--band); }
"""


KEPT = record.HISTORY.parent

# How a table in Markdown says `|`.
PIPE = "\\|"


def write(run, folder, chosen=charts.CHOSEN):
    """Everything into a folder; the page's file."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = charts.all_of(run, chosen)
    for key, _, svg in pictures:
        (folder / f"{key}.svg").write_text(svg)
    (folder / "RESULTS.md").write_text(table.page(run, [(title, f"{key}.svg") for key, title, _ in pictures]))
    page = folder / "report.html"
    page.write_text(document(run, pictures, charts.other_curves(run, chosen)))
    return page


def publish(run, folder):
    """Copies what the repository keeps of a report: the page, its pictures, and the values."""
    (KEPT / "pictures").mkdir(exist_ok=True)
    for picture in folder.glob("*.svg"):
        shutil.copyfile(picture, KEPT / "pictures" / picture.name)
    page = (folder / "RESULTS.md").read_text()
    (KEPT / "RESULTS.md").write_text(re.sub(r"^(!\[.*\]\()", r"\1pictures/", page, flags=re.MULTILINE))
    record.save(run, record.HISTORY / record.history_name(run))


def document(run, pictures, others):
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>pyperformance, {html.escape(run['started'][:10])}</title><style>{PAGE_STYLE}</style>",
        "<h1>pyperformance</h1>", *(f"<p class=faint>{html.escape(line)}</p>" for line in table.where(run)),
        *(f"<p class=warning>{html.escape(line)}</p>" for line in table.warnings(run)),
        navigation(pictures),
    ]
    for key, title, svg in pictures:
        parts.append(f"<h2 id={key}>{html.escape(title)}</h2>{svg}")
        if key == "overview":
            parts.append(markdown_table(table.summary(run), run))
    if others:
        parts.append(f"<details><summary>Warm-up of the other benchmarks</summary>{others}</details>")
    tables = [
        ("table-warm", "Table: warm", table.comparison(run, record.warm)),
        ("table-first", "Table: first value", table.comparison(run, record.first)),
        ("table-steady", "Table: time to steady state", table.settling(run)),
        ("table-memory", "Table: peak memory", table.comparison(run, record.memory)),
        ("failures", f"Failures ({len(record.errors(run))})", table.failures(run)),
    ]
    parts += [f"<h2 id={key}>{title}</h2>{markdown_table(lines, run)}" for key, title, lines in tables]
    parts.append("<h2>Versions</h2><ul>")
    parts += [f"<li>{html.escape(one['name'])}: {html.escape(one['version'])}" for one in run["interpreters"]]
    return "\n".join([*parts, "</ul></html>\n"])


def navigation(pictures):
    places = [*((key, title) for key, title, _ in pictures), ("table-warm", "Tables"), ("failures", "Failures")]
    return "<nav>" + "".join(f"<a href='#{key}'>{html.escape(title)}</a>" for key, title in places) + "</nav>"


def markdown_table(lines, run):
    """The same table that the Markdown page has, so that there is one source of what it says."""
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    every = record.names(run)

    def heading(cell):
        mark = f"<span style='color:{colour(cell, every)}'>&#9679;</span> " if cell in every else ""
        return f"<th>{mark}{html.escape(cell)}</th>"

    def data(cell):
        kind = " class=failed" if cell == "failed" else " class=text" if cell.startswith("`") else ""
        return f"<td{kind}>{html.escape(cell.strip('`').replace(PIPE, '|'))}</td>"

    body = "".join(f"<tr>{''.join(map(data, row))}</tr>" for row in rows)
    return f"<div class=wide><table><tr>{''.join(map(heading, head))}</tr>{body}</table></div>"
