"""What a node knows of its peers: what their completions came to, and what its operator said.

It reads ledgers and the roster; changing the roster is `node.roster`'s.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from node.audit.reading import LEDGER, opened, run_dirs
from node.audit.writing import visible
from node.datadir import is_there, swarm_files
from node.faults import ConfigFault
from node.ledger import Count
from node.roster import FILE_NAME, Roster, parse_peer, read_roster
from node.settings import plain
from node.tables import plain_table, screen, show_table
from protocol.identity import PeerId


@dataclass(slots=True, kw_only=True)
class Known:
    """One peer, as far as it is known here.

    Args:
        peer: Peer id.
        said: trusted, banned or "": the operator's word.
        note: Why, in the operator's words.
        completions: How many are kept.
        outcomes: How many of them by outcome.
        reasons: The same by the reason of what was not accepted.
        last_round: The latest round of one; None where there is none.
    """

    peer: str
    said: str = ""
    note: str = ""
    completions: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    last_round: int | None = None

    @property
    def refused_share(self) -> float:
        """Share of the completions that were refused."""
        return self.outcomes["refuse"] / self.completions if self.completions else 0.0

    def enter(self, count: Count) -> None:
        """Add what a ledger counted."""
        self.completions += count.completions
        self.outcomes[count.outcome] += count.completions
        self.last_round = max(self.last_round or 0, count.last_round)
        if count.outcome != "accept":
            self.reasons[count.reason] += count.completions


def check_place(data_dir: Path) -> None:
    """Refuse a directory in which no node has run and nobody was spoken of: its name is wrong.

    Raises:
        DataDirFault: It is one, or this user may not look.
    """
    if not is_there(data_dir / FILE_NAME):
        run_dirs(data_dir)


def known_peers(data_dir: Path) -> tuple[Known, ...]:
    """Return all peers of a node, the most refused first.

    Raises:
        ConfigFault: The roster is broken.
        DataDirFault: A ledger is damaged or of another version.
    """
    found: dict[str, Known] = {}
    if swarm_files(data_dir, LEDGER):
        with opened(data_dir) as ledgers:
            for _, ledger in ledgers:
                for count in ledger.tally():
                    found.setdefault(count.author, Known(peer=count.author)).enter(count)
    roster = read_roster(data_dir / FILE_NAME)
    for said, names in (("trusted", roster.trusted), ("banned", roster.banned)):
        for peer, note in names.items():
            one = found.setdefault(str(peer), Known(peer=str(peer)))
            one.said, one.note = said, note
    return tuple(sorted(found.values(), key=lambda one: (-one.refused_share, one.peer)))


def peer_named(data_dir: Path, text: str) -> PeerId:
    """Return a peer by its whole id, or by the ending of one that is known here.

    Raises:
        ConfigFault: Nobody is called so, or several are.
    """
    ending = text.strip().removeprefix("...")
    known = sorted({one.peer for one in known_peers(data_dir) if one.peer.endswith(ending)})
    if len(known) > 1 and ending:
        fix = f"Write more of it. It could be {', '.join(known[:5])}."
        raise ConfigFault(f"{text!r} is the ending of {len(known)} peers' ids.", fix=fix)
    return parse_peer(known[0] if known and ending else text)


def one_peer(data_dir: Path, peer: PeerId) -> Known:
    """Return what is known of one peer; an empty record of an unknown one."""
    found = {one.peer: one for one in known_peers(data_dir)}
    return found.get(str(peer), Known(peer=str(peer)))


def show_peers(peers: Sequence[Known], *, as_json: bool) -> None:
    """Print peers as a table or as lines of JSON."""
    if as_json:
        for one in peers:
            print(json.dumps(_plain(one)))
        return
    table = plain_table(
        *("peer", "said", "last\nround", "completions", "refused", "undecided", "mostly for"),
        wide="mostly for",
    )
    for one in peers:
        table.add_row(
            one.peer,
            one.said,
            "" if one.last_round is None else str(one.last_round),
            str(one.completions),
            f"{one.outcomes['refuse']} ({one.refused_share:.1%})",
            str(one.outcomes["undecided"]),
            ", ".join(reason for reason, _ in one.reasons.most_common(2)),
        )
    show_table(table)


def show_peer(one: Known, *, as_json: bool) -> None:
    """Print all that is known of a peer."""
    if as_json:
        print(json.dumps(_plain(one)))
        return
    said = f"{one.said}: {visible(one.note)}" if one.note else one.said
    last = "never" if one.last_round is None else str(one.last_round)
    console = screen()
    for name, value in {
        "peer": one.peer,
        "said": said or "nothing",
        "last round": last,
        "completions": str(one.completions),
    }.items():
        console.print(f"{name:<14}{value}", soft_wrap=True)
    for outcome, count in one.outcomes.most_common():
        console.print(f"  {outcome:<12}{count}")
    for reason, count in one.reasons.most_common():
        console.print(f"    {reason:<22}{count}")


def said_of(peer: PeerId, roster: Roster) -> str:
    """Return in a few words what an operator has now said of a peer."""
    if peer in roster.banned:
        return f"{peer} is banned: nothing of its is taken, and it is not connected to."
    if peer in roster.trusted:
        return f"{peer} is trusted: its completions count from its first round on."
    return f"{peer} is neither trusted nor banned."


def written_to(data_dir: Path) -> str:
    """Return in which file an operator's word is, and whether that is any node's yet."""
    place = f"written to {data_dir / FILE_NAME}"
    if swarm_files(data_dir, LEDGER):
        return place
    return f"{place}; no node has run there yet, so check that its --data-dir is this one"


def _plain(one: Known) -> dict[str, object]:
    record = plain(one)
    record["outcomes"], record["reasons"] = dict(one.outcomes), dict(one.reasons)
    return record | {"refused_share": one.refused_share}
