"""How well the embedded judge tells what it was taught to tell, on stories it was not taught."""

from pathlib import Path

from corruption import CORRUPTIONS, Dice, Site
from material import Sound, sound_completions

from node.policy import CausalPolicy
from node.verdict import Outcome
from node.verification.judge import JudgeStage, LocalJudge, builtin_judge, template_named
from node.verification.submission import Submission

PROMPTS = 300
SKIPPED = 200_000
"""Stories between those that it was taught and those that it is asked."""


def refused_shares(folder: Path, *, seed: int) -> dict[str, float]:
    """Return the share of refused completions, in percent, by what was planted in them."""
    dice = Dice(f"{seed}/measuring")
    policy = CausalPolicy.load("builtin:tiny", device="cpu")
    stage = JudgeStage(
        LocalJudge(builtin_judge(directory=folder), name="builtin"), template_named("tiny")
    )
    sound = sound_completions(policy, seed=seed + 1, prompts=PROMPTS, skip=SKIPPED)
    shares = {"nothing": _refused(stage, sound)}
    right = [one for one in sound if f"<answer>{one.story.chain.result}</answer>" in one.text]
    for name, (corruption, _) in CORRUPTIONS.items():
        sites = [Site(one.text, one.story, dice.choice(sound).story, dice) for one in right]
        made = [(site.story, site.text, corruption(site)) for site in sites]
        changed = [
            Sound(story, text) for story, old, text in made if text is not None and text != old
        ]
        shares[name] = _refused(stage, changed)
    return shares


def _refused(stage: JudgeStage, completions: list[Sound]) -> float:
    items = [
        Submission(
            author="",
            round_index=0,
            prompt_index=0,
            index=index,
            prompt=one.story.text,
            text=one.text,
            tokens=(),
            ended=True,
            reward=0.0,
        )
        for index, one in enumerate(completions)
    ]
    verdicts = stage.judge(items, own=())
    assert all(one.outcome is not Outcome.UNDECIDED for one in verdicts), "no budget is short"
    return round(100 * sum(one.refuses for one in verdicts) / len(verdicts), 1)
