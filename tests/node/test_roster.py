import json
from pathlib import Path

import pytest

from node.faults import ConfigFault, DataDirFault, DiskFault
from node.roster import (
    Roster,
    WatchedRoster,
    parse_peer,
    read_roster,
    watch_roster,
    write_roster,
)
from node.standing import TrustSettings
from protocol.identity import Keypair

ANN, BOB = (Keypair.from_seed(bytes([index]) * 32).peer_id for index in (1, 2))


def test_without_a_file_nobody_is_trusted_or_banned(tmp_path: Path) -> None:
    assert read_roster(tmp_path / "roster.json") == Roster()


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "roster.json"
    roster = Roster().trusting(ANN, "a colleague").banning(BOB, "sold me a slogan")
    write_roster(path, roster)

    assert read_roster(path) == roster
    assert read_roster(path).banned[BOB] == "sold me a slogan"


def test_nobody_is_both_trusted_and_banned() -> None:
    roster = Roster().trusting(ANN).banning(ANN)

    assert (ANN in roster.trusted, ANN in roster.banned) == (False, True)
    assert ANN in roster.trusting(ANN).trusted
    assert ANN not in roster.trusting(ANN).banned


def test_to_forget_a_peer_takes_it_off_both_lists() -> None:
    assert Roster().banning(ANN).forgetting(ANN) == Roster()
    assert Roster().trusting(ANN).forgetting(ANN) == Roster()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[" * 100_000,
        "[]",
        '{"trusted": {}}',
        '{"trusted": {}, "banned": {}, "more": {}}',
        '{"trusted": [], "banned": {}}',
        json.dumps({"trusted": {"12D3KooWwrong": ""}, "banned": {}}),
        json.dumps({"trusted": {}, "banned": {str(ANN)[:-1]: ""}}),
    ],
)
def test_a_broken_file_is_refused_by_name_and_changes_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "roster.json"
    write_roster(path, Roster().banning(ANN))
    watched = WatchedRoster(path)
    path.write_text(text)

    with pytest.raises(ConfigFault, match=r"roster\.json"):
        read_roster(path)
    said = watched.look()
    assert said is not None
    assert watched.is_banned(ANN)
    assert watched.look() is None  # told once


def test_a_running_node_follows_the_file(tmp_path: Path) -> None:
    path = tmp_path / "roster.json"
    watched = WatchedRoster(path, trusted=frozenset([BOB]))
    before = (watched.is_trusted(ANN), watched.is_banned(ANN))
    write_roster(path, Roster().banning(ANN))
    watched.look()
    banned = watched.is_banned(ANN)
    path.unlink()
    watched.look()

    assert before == (False, False)
    assert banned
    assert not watched.is_banned(ANN)
    assert watched.is_trusted(BOB)


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(DiskFault, match=r"roster\.json"):
        write_roster(tmp_path / "missing" / "roster.json", Roster())


def test_a_setting_that_trusts_nobody_who_can_be_is_named(tmp_path: Path) -> None:
    known = watch_roster(tmp_path, TrustSettings(trusted=(str(ANN),)))
    assert known.is_trusted(ANN)

    with pytest.raises(
        ConfigFault, match=r"In trust\.trusted: '12D3KooWwrong' is no peer id"
    ) as caught:
        watch_roster(tmp_path, TrustSettings(trusted=(str(ANN), "12D3KooWwrong")))

    assert "Copy the whole id" in caught.value.fix


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\0" * 4096])
def test_a_file_of_other_bytes_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "roster.json"
    path.write_bytes(content)

    with pytest.raises(ConfigFault, match=r"roster\.json cannot be used") as caught:
        watch_roster(tmp_path, TrustSettings())

    assert "without it nobody is trusted or banned" in caught.value.fix
    assert path.read_bytes() == content


def test_a_peer_id_is_read_as_pasted_and_else_refused_with_the_way_to_find_it() -> None:
    assert parse_peer(f" {ANN}\n") == ANN
    with pytest.raises(ConfigFault, match="no peer id"):
        parse_peer("somebody")


@pytest.mark.usefixtures("bound_by_modes")
def test_a_file_that_may_not_be_read_is_told_as_that_and_a_running_node_goes_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "roster.json"
    write_roster(path, Roster().banning(ANN))
    watched = WatchedRoster(path)
    write_roster(path, Roster())
    path.chmod(0o000)

    with pytest.raises(DataDirFault, match="cannot be read: Permission denied"):
        read_roster(path)
    assert "Permission denied" in (watched.look() or "")
    assert watched.is_banned(ANN)
