"""`drl-node peers`: who the others are, and whom this node's operator trusts or bans."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.options import ConfigOption, DataDirOption, SetOption, load

if TYPE_CHECKING:
    from node.roster import Roster
    from protocol.identity import PeerId

app = typer.Typer(no_args_is_help=True, help="Who the others are, and what you say of them.")

PeerArgument = Annotated[
    str, typer.Argument(metavar="PEER", help="A peer id, or the ending of one that is known here.")
]
NoteOption = Annotated[str, typer.Option("--note", help="Why, for yourself.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One line of JSON each.")]


@app.command("list")
def list_peers(
    *,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
) -> None:
    """List all peers whose completions are kept, or of whom you have said something."""
    from node.audit.peers import check_place, known_peers, show_peers

    place = directory(config, data_dir, assignments)
    check_place(place)
    show_peers(known_peers(place), as_json=json_output)


@app.command()
def show(
    peer: PeerArgument,
    *,
    json_output: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
) -> None:
    """Show what a peer's completions came to."""
    from node.audit.peers import check_place, one_peer, peer_named, show_peer

    place = directory(config, data_dir, assignments)
    check_place(place)
    show_peer(one_peer(place, peer_named(place, peer)), as_json=json_output)


@app.command()
def ban(
    peer: PeerArgument,
    *,
    note: NoteOption = "",
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
) -> None:
    """Take nothing of a peer's any more, from the next round on; the node may run on."""
    say(directory(config, data_dir, assignments), peer, lambda all_, one: all_.banning(one, note))


@app.command()
def trust(
    peer: PeerArgument,
    *,
    note: NoteOption = "",
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
) -> None:
    """Let a peer's completions count from its first round on, whatever its weights."""
    say(directory(config, data_dir, assignments), peer, lambda all_, one: all_.trusting(one, note))


@app.command()
def unban(
    peer: PeerArgument,
    *,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    assignments: SetOption = None,
) -> None:
    """Say nothing of a peer any more: neither trust nor ban it."""
    say(directory(config, data_dir, assignments), peer, lambda all_, one: all_.forgetting(one))


def say(place: Path, text: str, change: "Callable[[Roster, PeerId], Roster]") -> None:
    """Change the roster, and print what it now says of a peer."""
    from node.audit.peers import peer_named, said_of, written_to
    from node.datadir import make_private_directory
    from node.roster import FILE_NAME, read_roster, write_roster

    make_private_directory(place)
    peer = peer_named(place, text)
    roster = change(read_roster(place / FILE_NAME), peer)
    write_roster(place / FILE_NAME, roster)
    typer.echo(f"{said_of(peer, roster)}\n{written_to(place)}")


def directory(
    config: list[Path] | None, data_dir: str | None, assignments: list[str] | None
) -> Path:
    """Return the directory of the node that is meant."""
    return load(config, {("node", "data_dir"): data_dir}, assignments).config.data_dir
