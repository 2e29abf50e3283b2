"""A contribution is named by a file or by how its digest begins; anything else is said to be."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.audit.contributions import FILE_BYTES_MAX, saved_contribution
from node.faults import ConfigFault, DataDirFault
from node.ledger import Ledger
from node.work import Finding, Said
from protocol.contribution import Completion, Contribution
from protocol.envelope import seal
from protocol.identity import Keypair
from protocol.parameters import Parameters

LAST = 3


def found(contribution: Contribution, digest: str = "") -> Finding:
    return Finding(
        author=str(contribution.author),
        round_index=contribution.round_index,
        prompt_index=contribution.prompt_index,
        index=0,
        contribution=digest or contribution.digest().hex(),
        policy_digest=contribution.policy_digest.hex(),
        prompt="",
        text="",
        tokens=(),
        ended=True,
        reward=0.0,
        deciding=Said(stage="form", outcome="accept", reason="clean"),
    )


@pytest.fixture
def large(contribute: Callable[..., Contribution], keys: list[Keypair]) -> Contribution:
    """Too large for one message of a small swarm."""
    one = contribute(keys[0], 3)
    words = Completion(tokens=(40,) * 399 + (0,), ended=True)
    return replace(one, completions=(words,) * len(one.completions))


@pytest.fixture
def narrow(parameters: Parameters) -> Parameters:
    """Whose messages are small, and completions long."""
    return replace(parameters, message_bytes_max=1024, completion_tokens_max=400, shares=1)


@pytest.mark.parametrize("digits", [8, 12, 64])
def test_the_beginning_of_an_id_is_enough(life: Any, digits: int) -> None:
    one = life.by(1, LAST)

    for named in (life.named(one)[:digits], life.named(one)[:digits].upper()):
        saved = saved_contribution(named, life.data_dir)
        assert saved.messages == life.sealed(one)
        assert saved.run_dir == life.run_dir


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("0123456789abcdef", "No contribution in"),
        ("0123456", "no file here and no contribution's ID"),
        ("x" * 12, "no file here and no contribution's ID"),
        ("no/such/file.contribution", "no file here and no contribution's ID"),
        ("x" * 300, "cannot be read: File name too long"),
        ("~nobody.known/x", "nobody here has such a home"),
    ],
)
def test_what_is_neither_file_nor_id_is_refused(life: Any, named: str, says: str) -> None:
    with pytest.raises(ConfigFault, match=says):
        saved_contribution(named, life.data_dir)


def test_an_id_where_no_node_ran_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataDirFault, match="No node has run"):
        saved_contribution("0123456789abcdef", tmp_path)


@pytest.mark.usefixtures("bound_by_modes")
def test_a_file_where_this_user_may_not_look_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o000)

    with pytest.raises(ConfigFault, match="cannot be read: Permission denied"):
        saved_contribution(str(tmp_path / "closed" / "x"), tmp_path)


@pytest.mark.usefixtures("bound_by_modes")
def test_a_ledger_that_may_not_be_looked_at_is_not_taken_for_missing(
    own_life: Any, tmp_path: Path
) -> None:
    path = tmp_path / "one.contribution"
    path.write_bytes(b"".join(own_life.sealed(own_life.by(1, LAST))))
    own_life.run_dir.chmod(0o000)

    for named in (str(path), "0123456789abcdef"):
        with pytest.raises(DataDirFault, match="cannot be read: Permission denied"):
            saved_contribution(named, own_life.data_dir)
    own_life.run_dir.chmod(0o700)


def test_of_several_that_begin_so_none_is_taken(own_life: Any) -> None:
    one, other = own_life.by(1, LAST), own_life.by(0, LAST)
    with closing(Ledger(own_life.run_dir / "ledger.db")) as ledger:
        ledger.record_findings(90, [found(replace(one, round_index=90), "ab" * 32)])
        ledger.record_findings(91, [found(replace(other, round_index=91), "ab" * 31 + "ff")])

    with pytest.raises(ConfigFault, match=f"2 contributions begin with abababab: {'ab' * 32}, "):
        saved_contribution("abababab", own_life.data_dir)


def test_verdicts_without_their_bytes_are_said_to_be(own_life: Any) -> None:
    with closing(Ledger(own_life.run_dir / "ledger.db")) as ledger:
        ledger.record_findings(
            90, [found(replace(own_life.by(1, LAST), round_index=90), "ab" * 32)]
        )

    with pytest.raises(DataDirFault, match="not in the ledger"):
        saved_contribution("abababab", own_life.data_dir)


def test_the_parts_of_a_large_contribution_are_put_in_order(
    large: Contribution, narrow: Parameters, keys: list[Keypair], tmp_path: Path
) -> None:
    """They may have arrived in any."""
    parts = seal(large, keys[0], narrow)
    run_dir = tmp_path / "swarms/x"
    run_dir.mkdir(parents=True)
    path = tmp_path / "large.contribution"
    path.write_bytes(b"".join(parts))
    with closing(Ledger(run_dir / "ledger.db")) as ledger:
        for part in reversed(parts):
            ledger.record(3, part)
        ledger.record_findings(3, [found(large)])

    of_ledger = saved_contribution(large.digest().hex()[:8], tmp_path)

    assert len(parts) > 1
    assert of_ledger.messages == parts
    assert saved_contribution(str(path), tmp_path).messages == parts


def test_a_file_names_the_swarm_whose_ledger_knows_more(life: Any, tmp_path: Path) -> None:
    path = tmp_path / "one.contribution"
    path.write_bytes(b"".join(life.sealed(life.by(1, LAST))))

    assert saved_contribution(str(path), life.data_dir).run_dir == life.run_dir
    assert saved_contribution(str(path), tmp_path).run_dir is None


@pytest.mark.parametrize("size", [0, FILE_BYTES_MAX + 1])
def test_a_file_of_an_impossible_size_is_not_read(tmp_path: Path, size: int) -> None:
    path = tmp_path / "one.contribution"
    with path.open("wb") as file:
        file.truncate(size)

    with pytest.raises(ConfigFault, match=f"{size} bytes"):
        saved_contribution(str(path), tmp_path)


@pytest.mark.parametrize(
    "content", [b"\x00", b"\x9a\x01", b"\xc1" * 50, b"\x9a" * 3000, b'{"round_index": 4}\n']
)
def test_a_file_of_anything_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "one.contribution"
    path.write_bytes(content)

    with pytest.raises(ConfigFault, match="cut off, damaged, or no contribution"):
        saved_contribution(str(path), tmp_path)


@pytest.mark.parametrize("kept", [0.4, 0.6, 1.5, 1.99])
def test_a_file_that_was_cut_off_is_not_taken_for_another_swarms(
    life: Any, tmp_path: Path, kept: float
) -> None:
    """Its first bytes name the swarm, and a whole part may stand before the one that is cut."""
    (message,) = life.sealed(life.by(1, LAST))
    path = tmp_path / "one.contribution"
    path.write_bytes((message * 2)[: int(kept * len(message))])

    with pytest.raises(ConfigFault, match="cut off, damaged, or no contribution"):
        saved_contribution(str(path), life.data_dir)
