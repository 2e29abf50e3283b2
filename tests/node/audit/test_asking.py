"""Who asks for what nothing can have is told so, and not that nothing was found."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from node.audit.asking import STAGES, checked
from node.faults import ConfigFault, DataDirFault
from node.ledger import Wanted
from node.verification.defences import Defence, Ground, pipeline_of
from node.verification.form import FormSettings
from node.verification.judge.stage import JudgeStage
from node.verifying import VerifySettings
from protocol.identity import Keypair
from protocol.parameters import Encoding

STRANGER = str(Keypair.from_seed(bytes([9]) * 32).peer_id)


@pytest.mark.parametrize("cut", [lambda peer: peer, lambda peer: peer[-8:], "...{0}".format])
def test_an_author_is_named_as_tables_print_it(life: Any, cut: Any) -> None:
    author = str(life.by(1, 0).author)

    assert checked(life.data_dir, Wanted(author=cut(author))) == Wanted(author=author)


def test_who_is_not_known_here_may_be_asked_for_by_the_whole_id(life: Any) -> None:
    assert checked(life.data_dir, Wanted(author=STRANGER)).author == STRANGER


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (Wanted(author="bogus"), "'bogus' is no peer id"),
        (Wanted(author=""), "is no peer id"),
        (Wanted(contribution="zz"), "No contribution's ID begins with 'zz'"),
        (Wanted(contribution=""), "No contribution's ID begins with ''"),
        (Wanted(stage="replai"), "Did you mean 'replay'"),
        (Wanted(reason="claen"), "Did you mean 'clean'"),
    ],
)
def test_what_nothing_can_have_is_refused(life: Any, wanted: Wanted, says: str) -> None:
    with pytest.raises(ConfigFault) as refused:
        checked(life.data_dir, wanted)

    assert says in str(refused.value)


def test_where_nobody_has_run_that_is_said_whoever_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataDirFault, match="No node has run"):
        checked(tmp_path, Wanted(author="bogus"))


def test_all_stages_of_all_defences_can_be_asked_for() -> None:
    named = {
        stage
        for defence in Defence
        for encoding in Encoding
        for stage in stages_of(defence, encoding)
    }

    assert named == set(STAGES)


def stages_of(defence: Defence, encoding: Encoding) -> Any:
    judge = Mock()
    judge.name = JudgeStage.name
    form = Mock(spec=FormSettings, encoding=encoding)
    settings = VerifySettings(defence=defence.value)
    ground = Ground(
        readings=Mock(), form=form, decode=Mock(), settings=settings, owed=8, judge=judge
    )
    pipeline, _ = pipeline_of(ground)
    return pipeline.stages
