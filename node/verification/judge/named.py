"""From settings to a judge that has passed its examination, or to a sentence that says why not."""

import os
from collections.abc import Mapping
from pathlib import Path

from node.faults import ConfigFault
from node.policy import CausalPolicy
from node.policy.loading import load_model, load_tokenizer
from node.policy.tiny import DIRECTORY as TINY
from node.verification.judge.examination import check, examine, roomy
from node.verification.judge.local import LocalJudge
from node.verification.judge.remote import remote_judge
from node.verification.judge.replies import Backend
from node.verification.judge.stage import JudgeStage
from node.verification.judge.templates import template_named
from node.verifying import JudgeSettings

BUILTIN = TINY.with_name("builtin_judge")
FORMS = "builtin, hf:MODEL, openai:URL#MODEL"
FILE_DIGESTS = {
    "config.json": "4a15eae552748bf5779d34bceb38eb375dad6dc5c4a84b760e326acadf04f141",
    "model.safetensors": "c45bd3aeb91d0bd75545dd599bd83ca714329a329c6b5e7fa5a81b78b7e071f9",
}
"""Hex SHA-256 of each file that the embedded judge is loaded from; its vocabulary is the
embedded model's."""


def judge_stage(
    settings: JudgeSettings, *, environment: Mapping[str, str] = os.environ
) -> JudgeStage:
    """Return a judge that told known good answers from known bad ones.

    Args:
        settings: Which judge, and how it is asked.
        environment: Where the key of a server may stand.

    Raises:
        ConfigFault: The backend, the template, the address or the key cannot be used.
        ModelFault: The model cannot be loaded, or the judge failed its examination.
    """
    backend = backend_named(settings, environment=environment)
    template = template_named(settings.template or backend.template)
    examination = examine(JudgeStage(backend, template, roomy(settings)))
    check(examination, settings, name=backend.name)
    return JudgeStage(backend, template, settings)


def backend_named(settings: JudgeSettings, *, environment: Mapping[str, str]) -> Backend:
    """Return the backend that settings name.

    Raises:
        ConfigFault: There is no such backend, or its address or key cannot be used.
        ModelFault: Its model cannot be loaded.
    """
    kind, _, rest = settings.backend.partition(":")
    if kind == "builtin" and not rest:
        return LocalJudge(builtin_judge(settings.device), name="builtin", template="tiny")
    if kind == "hf" and rest:
        policy = CausalPolicy.load(rest, device=settings.device, dtype=settings.dtype)
        return LocalJudge(policy, name=settings.backend)
    if kind == "openai" and rest:
        return remote_judge(
            rest,
            environment=environment,
            timeout_s=settings.timeout_s,
            concurrency=settings.concurrency,
        )
    raise ConfigFault(f"there is no judge {settings.backend!r}", fix=f"name one of: {FORMS}")


def builtin_judge(device: str = "cpu", *, directory: Path = BUILTIN) -> CausalPolicy:
    """Return the embedded judge: weights of its own, and the embedded model's vocabulary."""
    model = load_model(directory, device=device, dtype="float32")
    return CausalPolicy(model, load_tokenizer(TINY), source="the embedded judge")
