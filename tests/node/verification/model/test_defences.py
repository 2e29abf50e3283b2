"""What the named defences ask, and of whom."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from node.faults import ConfigFault
from node.policy import CausalPolicy, SampleRequest, SamplingParameters, noise_key
from node.tasks import task_named
from node.verdict import Reason, Verdict
from node.verification import Action, Copies, EquationAudit, FormSettings, Judged, Submission
from node.verification.defences import Ground, defence_named, pipeline_of
from node.verification.kinship import KinshipSettings
from node.verification.readings import Readings
from node.verification.surprisal import Surprisal
from node.verification.verifier import Verifier
from node.verifying import VerifySettings
from protocol.identity import Keypair
from protocol.parameters import Encoding

SAMPLING = SamplingParameters(top_p=0.95, tokens_max=96)
SWARM = b"swarm"
AUTHOR = Keypair.from_seed(bytes([1]) * 32).peer_id
OTHER = Keypair.from_seed(bytes([2]) * 32).peer_id
STRANGE = bytes(32)
GROUP = 8
ODD = "<think>the old lighthouse keeps watch over nothing much</think><answer>7</answer>"
"""A text that no policy of this task would write twice."""


@pytest.fixture(scope="module")
def tiny() -> Iterator[CausalPolicy]:
    torch.set_num_threads(1)
    return CausalPolicy.load("builtin:tiny", device="cpu")


@pytest.fixture
def judge(tiny: CausalPolicy) -> Callable[..., list[Judged]]:
    """Judge a group by the default defence."""

    def by_default(
        items: list[Submission],
        encoding: Encoding = Encoding.TOKENS,
        settings: VerifySettings | None = None,
    ) -> list[Judged]:
        readings = Readings(tiny, SAMPLING, swarm=SWARM)
        pipeline, _ = pipeline_of(ground(tiny, readings, settings or VerifySettings(), encoding))
        readings.open()
        return list(pipeline.judge(items))

    return by_default


def ground(
    policy: CausalPolicy,
    readings: Readings,
    settings: VerifySettings,
    encoding: Encoding = Encoding.TOKENS,
) -> Ground:
    form = FormSettings(
        encoding=encoding, tokens_max=96, text_bytes_max=4096, eos_token=policy.eos_token
    )
    return Ground(readings=readings, form=form, decode=policy.decode, settings=settings, owed=GROUP)


@contextmanager
def changed(policy: CausalPolicy) -> Iterator[None]:
    """Let a policy hold other weights for a while."""
    weight = next(policy.model.parameters()).data
    before = weight.clone()
    weight.mul_(1.001)
    yield
    weight.copy_(before)


def group(policy: CausalPolicy, texts: list[str] | None, *, digest: bytes) -> list[Submission]:
    """Return one author's group of a prompt: given texts, or what the policy samples."""
    prompt = task_named("builtin:arith").prompt(0)
    asked = policy.encode(prompt.text)
    if texts is None:
        keys = [
            noise_key(
                swarm=SWARM, round_index=0, prompt_index=0, author=AUTHOR.public_key, index=index
            )
            for index in range(GROUP)
        ]
        requests = [SampleRequest(prompt_tokens=asked, key=key) for key in keys]
        written = [one.tokens for one in policy.sample(requests, SAMPLING)]
    else:
        written = [policy.encode_completion(text, ended=True) for text in texts]
    return [
        Submission(
            author=str(AUTHOR),
            round_index=0,
            prompt_index=0,
            index=index,
            prompt=prompt.text,
            prompt_tokens=asked,
            text=policy.decode([token for token in tokens if token != policy.eos_token]),
            tokens=tokens,
            ended=tokens[-1] == policy.eos_token,
            reward=0.0,
            policy_digest=digest,
        )
        for index, tokens in enumerate(written)
    ]


def said(one: Judged, stage: str) -> list[Reason]:
    return [verdict.reason for verdict in one.verdicts if verdict.stage == stage]


@pytest.mark.parametrize("encoding", Encoding)
def test_a_strangers_copies_of_an_unlikely_text_are_refused_but_for_the_first(
    tiny: CausalPolicy, judge: Callable[..., list[Judged]], encoding: Encoding
) -> None:
    first, *rest = judge(group(tiny, [ODD] * GROUP, digest=STRANGE), encoding)

    assert said(first, Copies.name) == [Reason.CLEAN]
    assert [said(one, Copies.name) for one in rest] == [[Reason.COPY_OF_OWN]] * (GROUP - 1)


@pytest.mark.parametrize("encoding", Encoding)
def test_what_a_stranger_samples_honestly_may_repeat_itself(
    tiny: CausalPolicy, judge: Callable[..., list[Judged]], encoding: Encoding
) -> None:
    judged = judge(group(tiny, None, digest=STRANGE), encoding)

    assert [said(one, Copies.name) for one in judged] == [[Reason.CLEAN]] * GROUP


def test_authors_with_known_weights_are_not_asked_about_copies(
    tiny: CausalPolicy, judge: Callable[..., list[Judged]]
) -> None:
    """The replay tells more."""
    judged = judge(group(tiny, None, digest=tiny.digest()))

    assert [said(one, Copies.name) for one in judged] == [[Reason.NOT_ASKED]] * GROUP


def test_authors_with_known_weights_are_asked_all_where_that_is_set(
    tiny: CausalPolicy, judge: Callable[..., list[Judged]]
) -> None:
    settings = VerifySettings(asks_kin=True, drop=(), mask=("*",))
    judged = judge(group(tiny, [ODD] * GROUP, digest=tiny.digest()), settings=settings)

    assert [said(one, Copies.name) for one in judged[1:]] == [[Reason.COPY_OF_OWN]] * (GROUP - 1)
    assert {verdict.reason for one in judged for verdict in one.verdicts} >= {
        Reason.NOT_REPLAYED,
        Reason.SURPRISING_TOKEN,
    }


def test_who_names_weights_of_which_only_the_name_is_kept_is_a_stranger_besides(
    tiny: CausalPolicy,
) -> None:
    """A margin of nats leaves many completions to choose from: it must not be the only question."""
    readings = Readings(tiny, SAMPLING, swarm=SWARM, kinship=KinshipSettings(bytes_max=0))
    items = group(tiny, None, digest=tiny.digest())
    with changed(tiny):
        readings.close()
        readings.open()
        pipeline, _ = pipeline_of(ground(tiny, readings, VerifySettings()))
        judged = pipeline.judge(items)

    asked = [said(one, stage) for one in judged for stage in (Copies.name, Surprisal.name)]
    assert asked
    assert all(reasons != [Reason.NOT_ASKED] for reasons in asked)


@pytest.mark.parametrize(
    ("chosen", "refused"),
    [
        ({"defence": "paper", "top_k": 1}, True),
        ({"defence": "paper", "top_k": 1, "top_k_slack": 400}, False),
        ({"defence": "paper"}, False),
        ({"defence": "top_p", "top_p": 0.01}, True),
        ({"defence": "top_p", "top_p": 0.01, "top_p_slack": 1e6}, False),
        ({"defence": "top_p"}, False),
        ({"defence": "min_p", "min_p": 0.999}, True),
        ({"defence": "min_p", "min_p": 1e-4}, False),
    ],
)
def test_the_papers_check_takes_its_numbers_from_the_settings(
    tiny: CausalPolicy,
    judge: Callable[..., list[Judged]],
    chosen: dict[str, object],
    refused: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    settings = VerifySettings(**chosen)  # type: ignore[arg-type] - of several kinds
    judged = judge(group(tiny, None, digest=tiny.digest()), settings=settings)

    assert any(one.verdict.refuses for one in judged) is refused


def test_near_copies_are_copies_where_that_is_set(
    tiny: CausalPolicy, judge: Callable[..., list[Judged]]
) -> None:
    texts = [ODD.replace("seven", "7")] + [ODD.replace("nothing", "little")] * (GROUP - 1)
    strict = judge(group(tiny, texts, digest=STRANGE), settings=VerifySettings(near_copies=0.5))
    usual = judge(group(tiny, texts, digest=STRANGE))

    assert said(strict[1], Copies.name) == [Reason.NEAR_COPY]
    assert said(usual[1], Copies.name) == [Reason.CLEAN]


def test_a_star_is_every_stage_that_no_list_names(tiny: CausalPolicy) -> None:
    readings = Readings(tiny, SAMPLING, swarm=SWARM)
    settings = VerifySettings(mask=("*",), drop=("replay",))

    _, refusals = pipeline_of(ground(tiny, readings, settings))

    assert refusals.action("replay") is Action.DROP
    assert refusals.action(EquationAudit.name) is Action.MASK
    assert refusals.action("form") is Action.MASK


def test_the_papers_judge_decides_alone_and_its_refusals_count_nought(tiny: CausalPolicy) -> None:
    class Judge:
        name = "judge"

        def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:
            refused = Verdict(stage=self.name, reason=Reason.JUDGED_UNSOUND)
            return [refused for _ in items]

    readings = Readings(tiny, SAMPLING, swarm=SWARM)
    settings = VerifySettings(defence="paper_judge")

    pipeline, refusals = pipeline_of(replace(ground(tiny, readings, settings), judge=Judge()))

    assert pipeline.stages == ("judge",)
    assert refusals.action("judge") is Action.ZERO


def test_a_defence_without_the_judge_that_it_is_is_refused(tiny: CausalPolicy) -> None:
    readings = Readings(tiny, SAMPLING, swarm=SWARM)

    with pytest.raises(ConfigFault, match="has no judge"):
        pipeline_of(ground(tiny, readings, VerifySettings(defence="paper_judge")))


def test_a_defence_is_known_by_its_name_and_the_nearest_is_told() -> None:
    assert defence_named("min_p") == "min_p"
    with pytest.raises(ConfigFault) as refused:
        defence_named("papper")
    assert "'paper'" in refused.value.fix


@pytest.mark.parametrize(("tail_mass_min", "refused"), [(1e-3, True), (1e-11, False)])
def test_how_unlikely_a_strangers_token_may_be_is_the_operators(
    tiny: CausalPolicy,
    judge: Callable[..., list[Judged]],
    tail_mass_min: float,
    refused: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    settings = VerifySettings(mask=("*",), tail_mass_min=tail_mass_min, deviations_max=1e9)

    (one, *_) = judge(group(tiny, [ODD] * GROUP, digest=STRANGE), settings=settings)

    assert (said(one, Surprisal.name) == [Reason.SURPRISING_TOKEN]) is refused


@pytest.mark.parametrize(("deviations_max", "refused"), [(8.0, True), (1e9, False)])
def test_how_unlikely_a_strangers_whole_text_may_be_is_the_operators(
    tiny: CausalPolicy,
    judge: Callable[..., list[Judged]],
    deviations_max: float,
    refused: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    settings = VerifySettings(mask=("*",), tail_mass_min=1e-11, deviations_max=deviations_max)

    (one, *_) = judge(group(tiny, [ODD] * GROUP, digest=STRANGE), settings=settings)

    assert (said(one, Surprisal.name) == [Reason.SURPRISING_WHOLE]) is refused


@pytest.mark.parametrize(("factor", "reason"), [(1.5, Reason.OVERLONG), (3.0, Reason.CLEAN)])
def test_how_long_a_strangers_answer_may_be_is_the_operators(
    tiny: CausalPolicy, judge: Callable[..., list[Judged]], factor: float, reason: Reason
) -> None:
    """Beside answers of 10 and 30 tokens one and a half times are 45, and three times too many."""
    (first, *_) = group(tiny, [ODD], digest=STRANGE)
    others = [
        replace(first, author=str(OTHER), index=at, tokens=(9,) * length)
        for at, length in enumerate([10, 10, 10, 30, 30, 30])
    ]
    settings = VerifySettings(mask=("*",), length_factor=factor)

    (one, *_) = judge([replace(first, tokens=(9,) * 50), *others], settings=settings)

    assert said(one, "length") == [reason]


@pytest.mark.parametrize("kinship", ["stale", "rounded"])
def test_by_how_much_a_token_may_miss_in_the_replay_is_the_operators(
    tiny: CausalPolicy, kinship: str
) -> None:
    readings = Readings(tiny, SAMPLING, swarm=SWARM, kinship=KinshipSettings(bytes_max=0))
    named = tiny.digest() if kinship == "stale" else STRANGE
    with changed(tiny):
        readings.close()
        readings.open()
        readings.kin.now(rounded=frozenset({STRANGE}))
        settings = VerifySettings(mask=("*",), margin_rounded=0.25, margin_stale=3.5)
        pipeline, _ = pipeline_of(ground(tiny, readings, settings))
        judged = pipeline.judge(group(tiny, None, digest=named))

    thresholds = {
        verdict.threshold for one in judged for verdict in one.verdicts if verdict.stage == "replay"
    }
    assert thresholds == {3.5 if kinship == "stale" else 0.25}


@pytest.mark.parametrize(("kept_mib", "kinship"), [(256, "same"), (0, "stale")])
def test_the_room_for_past_weights_is_the_operators(
    tiny: CausalPolicy, kept_mib: int, kinship: str
) -> None:
    form = FormSettings(
        encoding=Encoding.TOKENS, tokens_max=96, text_bytes_max=4096, eos_token=tiny.eos_token
    )
    settings = VerifySettings(kept_mib=kept_mib)
    verifier = Verifier(tiny, SAMPLING, form=form, settings=settings, swarm=SWARM, owed=GROUP)
    before = tiny.digest()
    with changed(tiny):
        verifier.close()
        verifier.verify([])

        assert verifier.readings.kin.of(before) == kinship
