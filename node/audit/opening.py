"""From a saved contribution's bytes to what can be judged: settings, a model, proven contents.

It believes nothing of what the bytes say before their signature is checked.
"""

import contextlib
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from node.audit.contributions import Saved, messages_of
from node.audit.reading import LEDGER
from node.config import Loaded
from node.engine import Engine
from node.faults import ConfigFault, DataDirFault
from node.ledger import SETTINGS, Ledger, Wanted
from node.settings import plain, read_settings
from node.verifying import ALL_STAGES, JudgeSettings
from node.work import EngineSettings, Finding
from protocol.beacon import HashChain
from protocol.contribution import Contribution
from protocol.envelope import open_envelope
from protocol.errors import Ignored, Reason, Refused, Rejected
from protocol.parameters import Parameters
from protocol.schedule import Schedule

ROUNDS_WALKED_MAX = 1_000_000
"""Whose prompt it is, is not asked of later rounds: the beacon is walked so far in a second."""

JUDGE = "judge"
"""The stage that asks a model of its own, which is loaded only where it is wanted."""


def settings_for(saved: Saved, loaded: Loaded) -> EngineSettings:
    """Return what the node was told whose ledger knows the swarm, but for what is set now."""
    values: dict[str, object] = {}
    if saved.run_dir is not None:
        with closing(Ledger(saved.run_dir / LEDGER, read_only=True)) as ledger:
            values = json.loads(ledger.noted(SETTINGS) or "{}")
    known = plain(EngineSettings(data_dir=""))
    for section, now in plain(loaded.config).items():
        if section in known and isinstance(now, dict):
            noted = values.get(section, now)
            assert isinstance(noted, dict)
            said_now = {key: now[key] for where, key in loaded.origins if where == section}
            # Another release may have had a key that this one has not.
            values[section] = {key: noted[key] for key in noted.keys() & now.keys()} | said_now
    values["data_dir"] = str(loaded.config.data_dir)
    return read_settings(EngineSettings, values, where="the ledger's settings")


def engine_for(settings: EngineSettings, stages: Sequence[str]) -> Engine:
    """Return the model's side, with a defence in which no stage hides another, nor spares kin.

    Raises:
        ConfigFault: The defence has no such stage, or it is a judge's, and none is set.
    """
    if not stages:
        return Engine(settings)
    if JUDGE in stages and settings.judge.backend == "none":
        fix = "Name one with --set judge.backend=builtin (or hf:MODEL, openai:URL#MODEL)."
        raise ConfigFault("--stages judge: [judge] backend is none.", fix=fix)
    asked = replace(
        settings.verify,
        mask=(ALL_STAGES,),
        drop=(),
        veto=(),
        withhold=(),
        zero=(),
        asks_kin=True,
    )
    judge = settings.judge if JUDGE in stages else JudgeSettings()
    engine = Engine(replace(settings, verify=asked, judge=judge))
    unknown = sorted(set(stages) - set(engine.stages))
    if unknown:
        cause = f"--stages {','.join(stages)}: there is no stage {unknown[0]!r} here."
        raise ConfigFault(cause, fix=f"There are {', '.join(engine.stages) or 'none'}.")
    return engine


def admitted(messages: Sequence[bytes], parameters: Parameters) -> Contribution:
    """Return the contribution of signed messages, by all rules that need no round.

    Raises:
        Rejected: It breaks one.
        ConfigFault: It is of another swarm or version.
    """
    try:
        contribution = open_envelope(messages, parameters)
    except Ignored as refused:
        raise ConfigFault(
            f"{refused.reason.meaning} (It is {refused.detail}; the settings say swarm "
            f"{parameters.digest().hex()[:16]}.)",
            fix="Name that swarm's data directory, or set its task, model and numbers.",
        ) from refused
    if contribution.prompt_index >= parameters.task_prompts:
        raise Rejected(Reason.FOREIGN_PROMPT, f"{contribution.prompt_index}: there is none")
    schedule = Schedule(parameters, HashChain(parameters.digest()))
    where = (contribution.round_index, contribution.author, contribution.prompt_index)
    if contribution.round_index <= ROUNDS_WALKED_MAX and not schedule.is_assigned(*where):
        raise Rejected(Reason.FOREIGN_PROMPT, str(contribution.prompt_index))
    return contribution


def kept_beside(
    saved: Saved, contribution: Contribution, parameters: Parameters
) -> tuple[Contribution, ...]:
    """Return all answers to the same prompt in that round that the ledger keeps whole."""
    if saved.run_dir is None:
        return ()
    with closing(Ledger(saved.run_dir / LEDGER, read_only=True)) as ledger:
        wanted = Wanted(
            round_index=contribution.round_index, prompt_index=contribution.prompt_index
        )
        digests = sorted({one.contribution for one in ledger.findings(wanted)} - {""})
        found: list[Contribution] = []
        for digest in digests:
            # What a node of another release wrote down may not open any more.
            with contextlib.suppress(Refused, DataDirFault):
                found.append(open_envelope(messages_of(ledger, digest), parameters))
    return tuple(found)


def found_then(saved: Saved, contribution: Contribution) -> dict[int, Finding]:
    """Return what this node found when it trained on the contribution, by place."""
    if saved.run_dir is None:
        return {}
    with closing(Ledger(saved.run_dir / LEDGER, read_only=True)) as ledger:
        wanted = Wanted(contribution=contribution.digest().hex())
        return {one.index: one for one in ledger.findings(wanted)}
