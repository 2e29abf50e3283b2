"""What verifying costs beside writing: the second half of `verification.py`."""

import ctypes
import dataclasses
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from receiving import defence, submissions
from tampering import GROUP, SWARM, Case, Workshop, honest

from node.policy import SampleRequest
from node.verification import EquationAudit, Submission
from node.verification.readings import Readings
from node.verifying import VerifySettings

BATCHES = (1, 16, 128)


def costs(shop: Workshop, *, repeats: int) -> dict[str, Any]:
    """Return CPU seconds of writing, reading and verifying, by batch, and of the worst case."""
    cases = honest(shop.policy, shop.task, shop.sampling, count=max(BATCHES), seed=77)
    return {
        "batches": [_at(shop, cases[:batch], batch, repeats) for batch in BATCHES],
        "largest": _largest(shop, cases, repeats),
    }


def _at(shop: Workshop, cases: Sequence[Case], batch: int, repeats: int) -> dict[str, Any]:
    """Alternate writing, reading and verifying the same completions; compare medians."""
    items = submissions(shop, cases)
    requests = [SampleRequest(prompt_tokens=case.prompt_tokens, key=case.key) for case in cases]
    spent: dict[str, list[float]] = {"write": [], "read": [], "verify": [], "audit": []}
    for _ in range(repeats * (1 if batch == max(BATCHES) else 3)):
        spent["write"].append(_cpu_s(lambda: shop.write(requests)))
        spent["read"].append(_cpu_s(lambda: _read(shop, items)))
        spent["verify"].append(_verify_s(shop, items))
        spent["audit"].append(_cpu_s(lambda: EquationAudit().judge(items, own=())))
    medians = {name: statistics.median(seconds[1:]) for name, seconds in spent.items()}
    extra = medians["verify"] - medians["read"]
    return {
        "batch": batch,
        "tokens": sum(len(case.tokens) for case in cases),
        "written_per_s": round(len(cases) / medians["write"], 1),
        "verified_per_s": round(len(cases) / medians["verify"], 1),
        "extra_share": round(extra / medians["write"], 4),
        "extra_share_with_audit": round((extra + medians["audit"]) / medians["write"], 4),
        "cpu_ms": {name: round(1000 * seconds, 3) for name, seconds in medians.items()},
    }


def _largest(shop: Workshop, cases: Sequence[Case], repeats: int) -> dict[str, Any]:
    """Verify a contribution of one group whose completions are as long as is allowed.

    Its tokens are random: nowhere is the policy sure of what follows, and nothing is cheap.
    """
    limit, words = shop.sampling.tokens_max, shop.policy.vocabulary_size
    hostile = [
        dataclasses.replace(case, tokens=tuple(shop.draw.choices(range(words), k=limit)))
        for case in cases[:GROUP]
    ]
    items = submissions(shop, hostile)
    seconds = [_verify_s(shop, items) for _ in range(repeats + 1)]
    return {
        "completions": GROUP,
        "tokens": limit * GROUP,
        "cpu_ms": round(1000 * statistics.median(seconds[1:]), 1),
        "peak_mib_more": _peak_mib_of(lambda: _verify_s(shop, items)),
    }


def _peak_mib_of(call: Callable[[], object]) -> int:
    """Return by how much a call raises this process's memory at its peak; Linux only."""
    ctypes.CDLL(None).malloc_trim(0)  # what is kept for later would hide what is taken
    Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is held now
    before = _kib("VmRSS")
    call()
    return (_kib("VmHWM") - before) >> 10


def _kib(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0])


def _read(shop: Workshop, items: Sequence[Submission]) -> None:
    """Make the pass that training needs anyway."""
    with torch.inference_mode():
        shop.policy.logprobs(
            [item.prompt_tokens for item in items], [item.tokens for item in items]
        )


def _verify_s(shop: Workshop, items: Sequence[Submission]) -> float:
    """Return the CPU time of judging authors with equal weights, by stages that saw nothing yet."""
    readings = Readings(shop.policy, shop.sampling, swarm=SWARM)
    pipeline, _ = defence(shop, readings, VerifySettings())

    def judge() -> None:
        readings.of(items)
        pipeline.judge(items)

    return _cpu_s(judge)


def _cpu_s(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start
