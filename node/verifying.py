"""How peers' completions are verified, as an operator may set it: thresholds, actions, a judge.

Plain values; no stage, model or file is known here.
"""

from dataclasses import dataclass

MARGIN_SAME = 5e-4
"""In nats: by how much a token may miss what its noise chooses, among equal weights."""
TAIL_MASS_NOISE = 1e-12
"""Less of a probability is rounding of sums; its logarithm would be noise."""

ALL_STAGES = "*"
"""In a list of stages: all that the others do not name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifySettings:
    """What stands between a peer's completion and the trainer."""

    defence: str = "default"
    """default; the paper's own for comparison: paper (its check of log-probabilities), paper_judge
    (its judge), top_p and min_p (other forms of the check); or none."""
    drop: tuple[str, ...] = ()
    """Stages whose refusals take a completion out of its group, whatever the defence says; in this
    list and the next four, * is every stage that none of them names."""
    veto: tuple[str, ...] = ()
    """Stages whose refusals take it out only where it would be praised."""
    withhold: tuple[str, ...] = ()
    """Stages whose refusals take it out where its reward is the best, and where it would be
    praised for less, take credit from the sentences at fault."""
    mask: tuple[str, ...] = ()
    """Stages whose refusals take credit from the tokens at fault only."""
    zero: tuple[str, ...] = ()
    """Stages whose refusals set its reward to 0, as the paper does; it ruins the learner."""
    undecided_weight: float = 1.0
    """What a completion counts, 0 to 1, of which a stage could not decide."""
    requires_kin: bool = False
    """Learn from nobody whose weights this node does not hold, but for whom it trusts."""
    asks_kin: bool = False
    """Ask the stages for strangers about authors too whose weights are known, and replayed."""
    kept_mib: int = 256
    """Room for the weights of the last two rounds: with it an author that is a round behind is
    replayed exactly, without it within `margin_stale`, and is a stranger besides; so is one that
    holds these weights in shorter numbers where there is no room for those."""
    margin_rounded: float = 0.1
    """By how much, in nats, a token may miss what its noise chooses, where the author holds these
    weights in another number type, or this node itself in bfloat16 or float16."""
    margin_stale: float = 2.5
    """The same where it holds weights of a round or two ago of which this node keeps the name
    only."""
    length_factor: float = 1.5
    """How many times the length of others' answers a stranger's may have."""
    near_copies: float = 0.0
    """From which likeness on, 0 to 1, two answers of a stranger to one prompt are copies; 0: only
    equal ones are, since honest answers are alike."""
    tail_mass_min: float = 1e-3
    """The least probability of a stranger's token, together with all that are no likelier."""
    deviations_max: float = 8.0
    """How many standard deviations a stranger's completion may surprise beyond what is expected."""
    top_k: int = 50
    """defence = paper: a token must be among this many likeliest ..."""
    top_k_slack: int = 0
    """... or this many more."""
    top_p: float = 0.95
    """defence = top_p: the tokens likelier than a token may hold this much probability ..."""
    top_p_slack: float = 0.0
    """... where 1 lets 0.95 be 0.975."""
    min_p: float = 0.01
    """defence = min_p: a token must be so many times as likely as the likeliest."""

    def __post_init__(self) -> None:
        """Refuse numbers by which no completion could be told from another."""
        _check_shares(self, "undecided_weight", "near_copies")
        _check_inside(self, "top_p", "min_p")
        _check_above(self, 0, "deviations_max")
        if not TAIL_MASS_NOISE < self.tail_mass_min < 1.0:
            raise ValueError(
                f"tail_mass_min must be between {TAIL_MASS_NOISE} and 1, not {self.tail_mass_min}"
            )
        if not MARGIN_SAME <= self.margin_rounded < float("inf"):
            raise ValueError(
                f"margin_rounded must be at least {MARGIN_SAME}, not {self.margin_rounded}"
            )
        if not self.margin_stale >= self.margin_rounded:
            raise ValueError(
                f"margin_stale must be at least margin_rounded, not {self.margin_stale}"
            )
        for name, least in (
            *(("kept_mib", 0), ("length_factor", 1), ("top_k", 1), ("top_k_slack", 0)),
            ("top_p_slack", 0),
        ):
            if not least <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """A model that audits strangers' completions last; it is examined before it may judge."""

    backend: str = "none"
    """none, builtin, hf:MODEL (a directory or a hub id) or openai:URL#MODEL."""
    template: str = ""
    """How it is asked: default, paper, published, tiny or a TOML file; empty: the backend's own."""
    refuse_min: float = 0.5
    """From which share of the two verdicts on, 0.5 to 1, "refuse" refuses."""
    accept_max: float = 0.5
    """Up to which share of the same, 0 to `refuse_min`, it accepts; between them it is unsure."""
    mass_min: float = 0.5
    """Which probability, 0 to 1, the two verdicts must have together: below it the judge is about
    to say something else."""
    characters_max: int = 4000
    """How much of a completion is shown to it."""
    completions_max: int = 2048
    """How many completions of a round it is asked about, the best rewarded first."""
    round_s: float = 60.0
    """For how many seconds of a round it is asked."""
    timeout_s: float = 10.0
    """How long, in seconds, a server may take over one completion."""
    concurrency: int = 4
    """How many completions a server is asked about at once."""
    remembered_max: int = 8192
    """How many verdicts are remembered, so that equal texts are judged once."""
    detected_min: float = 0.9
    """Which share of planted faults it must refuse before it may judge peers."""
    accepted_min: float = 0.8
    """Which share of sound completions it must accept before the same."""
    device: str = "auto"
    """Where a local judge computes: auto, cpu, cuda, cuda:N or mps."""
    dtype: str = "float32"
    """In which numbers: float32, bfloat16 or float16."""

    def __post_init__(self) -> None:
        """Refuse a judge that could say both at once, or nothing in time."""
        if not 0.5 <= self.refuse_min <= 1.0:  # noqa: PLR2004 - else both verdicts could hold
            raise ValueError(f"refuse_min must be in 0.5..1, not {self.refuse_min}")
        if not 0.0 <= self.accept_max <= self.refuse_min:
            raise ValueError(f"accept_max must be in 0..refuse_min, not {self.accept_max}")
        _check_shares(self, "mass_min", "detected_min", "accepted_min")
        _check_above(self, 0, "round_s", "timeout_s")
        for name in ("characters_max", "completions_max", "concurrency", "remembered_max"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")


def _check_shares(settings: object, *names: str) -> None:
    for name in names:
        if not 0.0 <= getattr(settings, name) <= 1.0:
            raise ValueError(f"{name} must be in 0..1, not {getattr(settings, name)}")


def _check_inside(settings: object, *names: str) -> None:
    for name in names:
        if not 0.0 < getattr(settings, name) < 1.0:
            raise ValueError(f"{name} must be between 0 and 1, not {getattr(settings, name)}")


def _check_above(settings: object, bound: float, *names: str) -> None:
    for name in names:
        if not bound < getattr(settings, name) < float("inf"):
            raise ValueError(
                f"{name} must be above {bound} and finite, not {getattr(settings, name)}"
            )
