"""`drl-node findings`, `rollouts` and `verify`: what a node keeps of completions, judged again."""

from pathlib import Path
from typing import Annotated

import typer

from node.cli.options import ConfigOption, DataDirOption, SetOption, load
from node.verdict import Outcome

rollouts_app = typer.Typer(no_args_is_help=True, help="What was sampled, earned and trained on.")

NUMBER_MAX = 2**53 - 1
"""Largest number that a ledger is asked about."""

AuthorOption = Annotated[
    str | None, typer.Option("--author", help="Of this peer id, or of the one that ends so.")
]
RoundOption = Annotated[
    int | None,
    typer.Option("--round", help="Of this round only, counted from 0.", min=0, max=NUMBER_MAX),
]
PromptOption = Annotated[
    int | None,
    typer.Option("--prompt", help="Of this prompt only, counted from 0.", min=0, max=NUMBER_MAX),
]
OutcomeOption = Annotated[
    list[Outcome] | None,
    typer.Option("--outcome", metavar="OUTCOME", help=f"{', '.join(Outcome)}; may be repeated."),
]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Decided for this reason only.")]
StageOption = Annotated[str | None, typer.Option("--stage", help="Decided by this stage only.")]
CountOption = Annotated[
    int, typer.Option("--count", help="At most so many.", min=1, max=NUMBER_MAX)
]
IdOption = Annotated[
    str | None,
    typer.Option("--contribution", metavar="ID", help="Of the contribution that begins so."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One line of JSON each.")]


def findings(
    *,
    author: AuthorOption = None,
    round_index: RoundOption = None,
    prompt: PromptOption = None,
    outcome: OutcomeOption = None,
    stage: StageOption = None,
    reason: ReasonOption = None,
    contribution: IdOption = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="What was accepted, too; a stage or reason that is named shows it anyway."
        ),
    ] = False,
    count: CountOption = 100,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
) -> None:
    """Show what verification refused or could not decide, newest first; the node may run on."""
    from node.audit.asking import QUESTIONED, checked
    from node.audit.findings import show_findings
    from node.ledger import Wanted

    everything = everything or stage is not None or reason is not None
    asked = tuple(one.value for one in outcome or ())
    wanted = Wanted(
        author=author,
        round_index=round_index,
        prompt_index=prompt,
        contribution=contribution,
        outcomes=asked or (() if everything else QUESTIONED),
        stage=stage,
        reason=reason,
        count_max=count,
    )
    directory = load(config, {("node", "data_dir"): data_dir}, assignments).config.data_dir
    show_findings(directory, checked(directory, wanted), as_json=json_output)


@rollouts_app.command("show")
def show(
    *,
    author: AuthorOption = None,
    round_index: RoundOption = None,
    prompt: PromptOption = None,
    outcome: OutcomeOption = None,
    contribution: IdOption = None,
    count: CountOption = 50,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
) -> None:
    """Show completions with reward and verdict, newest round first; the node may run on."""
    from node.audit.asking import checked
    from node.audit.rollouts import show_rollouts
    from node.ledger import Wanted

    wanted = Wanted(
        author=author,
        round_index=round_index,
        prompt_index=prompt,
        contribution=contribution,
        outcomes=tuple(one.value for one in outcome or ()),
        count_max=count,
    )
    directory = load(config, {("node", "data_dir"): data_dir}, assignments).config.data_dir
    show_rollouts(directory, checked(directory, wanted), as_json=json_output)


@rollouts_app.command("export")
def export(
    path: Annotated[Path, typer.Argument(help="The file; .parquet and .contribution are known.")],
    *,
    form: Annotated[
        str | None,
        typer.Option("--format", help="jsonl, parquet, or signed: one contribution's own bytes."),
    ] = None,
    author: AuthorOption = None,
    round_index: RoundOption = None,
    prompt: PromptOption = None,
    outcome: OutcomeOption = None,
    contribution: IdOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file if it is there.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
) -> None:
    """Write completions to a file, oldest round first; the node may run on."""
    from node.audit import export as exporting
    from node.audit.asking import checked
    from node.ledger import Wanted

    wanted = Wanted(
        author=author,
        round_index=round_index,
        prompt_index=prompt,
        contribution=contribution,
        outcomes=tuple(one.value for one in outcome or ()),
        newest_first=False,
    )
    directory = load(config, {("node", "data_dir"): data_dir}, assignments).config.data_dir
    asked = exporting.format_named(form, path)
    count = exporting.export(directory, path, checked(directory, wanted), form=asked, force=force)
    what = "contribution" if asked is exporting.Format.SIGNED else "rollouts"
    typer.echo(f"{count} {what} -> {path} ({asked})")


def verify(
    named: Annotated[
        str,
        typer.Argument(metavar="FILE|ID", help="A .contribution file, or what `rollouts` names."),
    ],
    *,
    stages: Annotated[
        str | None, typer.Option("--stages", metavar="A,B", help="Ask these stages only.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show each token's probability, rank and margin.")
    ] = False,
    json_output: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
) -> None:
    """Judge a saved contribution again; ends with 1 where something in it is refused."""
    from node.audit.contributions import saved_contribution
    from node.cli.options import flat
    from node.faults import EXIT_OK, EXIT_REFUSED
    from protocol.errors import Rejected

    loaded = load(config, {("node", "data_dir"): data_dir}, assignments)
    saved = saved_contribution(named, loaded.config.data_dir)
    if not json_output:
        typer.echo(f"judging {saved.origin} again; first the model is loaded", err=True)

    from node.audit import showing
    from node.audit.examination import examine

    try:
        found = examine(saved, loaded, flat([stages] if stages else []) or ())
    except Rejected as refused:
        showing.show_refusal(refused, as_json=json_output)
        raise SystemExit(EXIT_REFUSED) from refused
    if json_output:
        typer.echo(showing.to_json(found, explain=explain))
    else:
        showing.show(found, explain=explain)
    raise SystemExit(EXIT_REFUSED if found.refused else EXIT_OK)
