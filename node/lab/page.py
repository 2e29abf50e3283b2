"""An outcome for people: a Markdown file, and one HTML page that needs nothing but itself."""

import html
from collections.abc import Mapping, Sequence

from node.lab.figures import Drawn
from node.lab.outcome import Outcome
from node.lab.tables import Table, markdown

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem;
  padding: 0 1rem; color: #222; background: #fff; }
table { border-collapse: collapse; font-size: 13px; margin: 1rem 0; }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .6rem; text-align: left;
  font-variant-numeric: tabular-nums; }
th { border-bottom: 2px solid #999; }
.wide { overflow-x: auto; }
svg { max-width: 100%; height: auto; }
pre { background: #f5f5f5; padding: 1rem; overflow-x: auto; font-size: 13px; }
p.note { color: #555; max-width: 60rem; }
"""


def summary(outcome: Outcome) -> str:
    """Say how much of it there is."""
    total, missing = len(outcome.runs), len(outcome.missing)
    rounds = sum(run.rounds_done for run in outcome.runs)
    rest = f"; {missing} are missing, see below" if missing else ""
    edited = len(outcome.sources) > 1
    warning = (
        f" They were made with {len(outcome.sources)} states of the program." if edited else ""
    )
    return f"{total - missing} of {total} swarms finished, {rounds} rounds in all{rest}.{warning}"


def markdown_report(
    outcome: Outcome,
    tables: Sequence[Table],
    drawn: Sequence[Drawn],
    *,
    spec: str,
    versions: Mapping[str, str],
) -> str:
    """Return the report as Markdown, with its figures beside it."""
    parts = [f"# {outcome.title}", summary(outcome)]
    parts += [f"![{one.title}]({one.name}.png)" for one in drawn]
    parts += [markdown(table).rstrip() for table in tables]
    parts += ["## How it was made", made_with(versions), f"```toml\n{spec.rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


def html_report(
    outcome: Outcome,
    tables: Sequence[Table],
    drawn: Sequence[Drawn],
    *,
    spec: str,
    versions: Mapping[str, str],
) -> str:
    """Return the report as one page."""
    title = html.escape(outcome.title)
    parts = [
        f"<h1>{title}</h1>",
        f"<p>{html.escape(summary(outcome))}</p>",
        *(f"<figure>{inline(one.svg)}</figure>" for one in drawn),
        *(html_table(table) for table in tables),
        "<h2>How it was made</h2>",
        f"<p>{html.escape(made_with(versions))}</p>",
        f"<pre>{html.escape(spec)}</pre>",
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def made_with(versions: Mapping[str, str]) -> str:
    """Say what a report's cells were made with."""
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"Made with {told}, by `drl-node lab run` and this specification:"


def inline(svg: str) -> str:
    """Return a figure without what belongs to a file of its own."""
    return svg[svg.index("<svg") :]


def html_table(table: Table) -> str:
    """Return a table as HTML."""
    head = "".join(f"<th>{html.escape(one)}</th>" for one in table.headings)
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(one)}</td>" for one in row) + "</tr>"
        for row in table.rows
    )
    return (
        f'<h2>{html.escape(table.title)}</h2>\n<p class="note">{html.escape(table.note)}</p>\n'
        f'<div class="wide"><table>\n<tr>{head}</tr>\n{rows}\n</table></div>'
    )
