"""Refuses, before anything is run, a swarm of the grid that could only fail once it runs.

It tries names and numbers on what will read them; it loads no model of the operator's and no
data set, which are looked for where the cell runs.
"""

import functools
import os
import re
from collections.abc import Sequence

from node.attacks.catalogue import check_adversary, make_attack
from node.config import NodeConfig
from node.faults import ConfigFault
from node.lab.cell import NOBODY, Cell
from node.settings import plain
from node.verdict import Verdict
from node.verification import Submission
from node.verifying import VerifySettings
from protocol.parameters import Encoding, Parameters


def check_cell(cell: Cell) -> None:
    """Refuse a cell that would only fail once it runs.

    Raises:
        ConfigFault: Naming the cell's attack, defence, stage or judge, or the number that does
            not fit.
        TaskFault: There is no such task.
    """
    config = cell.config()
    check_names(config)
    if cell.attack != NOBODY:
        if cell.malicious == 0:
            raise ConfigFault(
                f"In the cell {cell.name} nobody carries out the attack.",
                fix=f'Raise `malicious`, or write attack = "{NOBODY}".',
            )
        check_adversary(cell.adversary(), test_swarm=True)
        make_attack(cell.adversary())
    shared = plain(config.swarm)
    named = shared.pop("name")
    try:
        Parameters(
            **shared,  # type: ignore[arg-type] # plain values, which Parameters checks itself
            swarm=str(named),
            task="any",
            task_digest="0" * 64,
            task_prompts=1 << 20,
            model_family="0" * 64,
            tokenizer="0" * 64,
            vocabulary_size=1 << 16,
            eos_token=0,
        )
    except ValueError as error:
        fix = "Change the number that is named, or the number of nodes."
        raise ConfigFault(f"The cell {cell.name}: {error}.", fix=fix) from error


def check_names(config: NodeConfig) -> None:
    """Refuse a task, defence, stage or judge that does not exist.

    Raises:
        ConfigFault, TaskFault: Naming it.
    """
    from node.tasks import task_named
    from node.verification.judge.named import backend_named

    source, judge = config.task.source, config.judge
    if source.partition(":")[0] != "gsm8k":
        task_named(source)
    check_stages(config.verify, config.swarm.encoding, is_judged=judge.backend != "none")
    if judge.backend != "none" and not re.match("hf:.", judge.backend):
        backend_named(judge, environment=os.environ)


class AnyJudge:
    """Stands where a judge will, which is not asked for here: it may be large, or elsewhere."""

    name = "judge"

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:
        """Judge nothing: nobody asks."""
        raise NotImplementedError


@functools.cache
def check_stages(settings: VerifySettings, encoding: Encoding, *, is_judged: bool) -> None:
    """Refuse a defence that does not exist, and an action of a stage that it does not have.

    Args:
        settings: Which defence and actions.
        encoding: Of the swarm: which stages there are depends on it.
        is_judged: Whether there will be a judge.

    Raises:
        ConfigFault: Naming it.
    """
    from node.policy import CausalPolicy, SamplingParameters
    from node.verification.form import FormSettings
    from node.verification.verifier import Verifier

    # Which stages a defence has does not depend on the model, so the embedded one will do.
    policy = CausalPolicy.load("builtin:tiny", device="cpu", dtype="float32")
    form = FormSettings(
        encoding=encoding, tokens_max=1, text_bytes_max=1, eos_token=policy.eos_token
    )
    Verifier(
        policy,
        SamplingParameters(),
        form=form,
        settings=settings,
        swarm=b"",
        owed=1,
        judge=AnyJudge() if is_judged else None,
    )
