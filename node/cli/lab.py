"""`drl-node lab`: grids of whole swarms, and what they show."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Experiments: grids of whole swarms, and reports.")


@app.command("run")
def run(
    *,
    spec: Annotated[Path, typer.Argument(help="A specification in TOML; see examples/paper.")],
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Where its cells go (else runs/NAME).")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Cells at a time; 0: one a core.", min=0)] = 0,
    only: Annotated[str, typer.Option(help="Only cells whose name contains this.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the cells and what they cost, and end.")
    ] = False,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print the outcome as one line of JSON.")
    ] = False,
) -> None:
    """Run a grid of swarms; finished cells are never run again."""
    from node.lab.running import Order, run_spec, show_plan
    from node.lab.spec import read_spec

    order = Order(
        spec=read_spec(spec),
        directory=directory or Path("runs") / spec.stem,
        jobs=jobs,
        only=only,
        as_json=json_output,
    )
    if dry_run:
        show_plan(order)
    else:
        run_spec(order)


@app.command("report")
def report(
    *,
    directory: Annotated[Path, typer.Argument(help="Where `lab run` put its cells.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the report goes (else DIR/report).")
    ] = None,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print all numbers as JSON; draw and write nothing.")
    ] = False,
) -> None:
    """Make tables, figures and a page of what there is, finished or not."""
    from node.lab.reporting import machine_report, write_report

    if json_output:
        import json

        from node.lab.folder import Folder
        from node.lab.outcome import outcome_of

        typer.echo(json.dumps(machine_report(outcome_of(Folder(directory)))))
        return
    for path in write_report(directory, out or directory / "report"):
        typer.echo(path)
