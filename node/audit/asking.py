"""What is asked of the ledgers, checked: a name that nothing can have would find nothing."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from node.audit.peers import peer_named
from node.audit.reading import run_dirs
from node.faults import ConfigFault
from node.ledger import Wanted
from node.settings import nearest
from node.verdict import Outcome, Reason

QUESTIONED = (Outcome.REFUSE.value, Outcome.UNDECIDED.value)
"""What was held against a completion, or could not be decided."""

STAGES = (
    *("form", "completeness", "accumulation", "replay", "copies", "equations", "length"),
    *("surprisal", "judge", "top_k", "top_p", "min_p"),
)
"""As the defences' stages call themselves, whose import takes seconds."""

ID_BEGINNING = re.compile(r"[0-9a-f]{1,64}", re.IGNORECASE)


def checked(data_dir: Path, wanted: Wanted) -> Wanted:
    """Return what is wanted, with the author's whole id.

    Raises:
        ConfigFault: No verdict has that stage or reason, no contribution's ID can begin so, or
            nobody is called so.
        DataDirFault: No node has run there.
    """
    check_known("stage", wanted.stage, STAGES)
    check_known("reason", wanted.reason, [one.value for one in Reason])
    if wanted.contribution is not None and not ID_BEGINNING.fullmatch(wanted.contribution):
        fix = "Give hexadecimal digits, as `drl-node rollouts show` prints them."
        raise ConfigFault(f"No contribution's ID begins with {wanted.contribution!r}.", fix=fix)
    if wanted.author is None:
        return wanted
    run_dirs(data_dir)  # where nobody has run, an ending is nobody's: the place is wrong, not it
    return replace(wanted, author=str(peer_named(data_dir, wanted.author)))


def check_known(what: str, name: str | None, known: Sequence[str]) -> None:
    """Refuse to look for what no verdict has.

    Raises:
        ConfigFault: It is unknown; the nearest one is named.
    """
    if name is not None and name not in known:
        raise ConfigFault(f"No verdict has the {what} {name!r}.", fix=nearest(name, list(known)))
