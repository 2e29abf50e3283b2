"""`drl-node identity`: who this node is."""

import typer

from node.cli.options import ConfigOption, DataDirOption, SetOption, load

app = typer.Typer(no_args_is_help=True, help="Who this node is.")


@app.command("show")
def show(
    config: ConfigOption = None, data_dir: DataDirOption = None, assignments: SetOption = None
) -> None:
    """Print this node's peer id, making its key where there is none."""
    from node.keyfile import load_or_create_key, puzzle_of

    loaded = load(config, {("node", "data_dir"): data_dir}, assignments).config
    path = loaded.data_dir / "identity.key"
    keypair = load_or_create_key(
        path, puzzle_of(loaded.swarm), lambda tried: typer.echo(f"{tried} keys tried", err=True)
    )
    typer.echo(f"peer id   {keypair.peer_id}\nkey file  {path}")
