"""How a judge is asked, how sure it must be, and what asking may cost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """One judge.

    Args:
        backend: Who judges: `builtin`, `hf:MODEL` (a path or a hub id) or `openai:URL#MODEL`.
        template: How it is asked: the name of a shipped template or a TOML file; "" for the
            backend's own.
        refuse_min: From which share of the two verdicts "refuse" refuses, in 0.5..1.
        accept_max: Up to which share of the same it accepts, in 0..`refuse_min`.
        mass_min: Which probability the two verdicts must have together, in 0..1. Below it the
            judge is about to say something else.
        characters_max: How much of a completion is shown to it.
        completions_max: How many completions of a round it is asked about.
        round_s: For how many seconds of a round it is asked.
        timeout_s: How long a server may take over one completion.
        concurrency: How many a server is asked about at once.
        remembered_max: How many verdicts are remembered, so that equal texts are judged once.
        detected_min: Which share of planted faults it must refuse before it may judge peers.
        accepted_min: Which share of sound completions it must accept before the same.
        device: Where a local model computes; as in `CausalPolicy.load`.
        dtype: In which numbers; as in `CausalPolicy.load`.

    Raises:
        ValueError: A number is out of its range.
    """

    backend: str = "builtin"
    template: str = ""
    refuse_min: float = 0.5
    accept_max: float = 0.5
    mass_min: float = 0.5
    characters_max: int = 4000
    completions_max: int = 2048
    round_s: float = 60.0
    timeout_s: float = 10.0
    concurrency: int = 4
    remembered_max: int = 8192
    detected_min: float = 0.9
    accepted_min: float = 0.8
    device: str = "auto"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if not 0.5 <= self.refuse_min <= 1.0:  # noqa: PLR2004 - else both verdicts could hold
            raise ValueError(f"refuse_min must be in 0.5..1, not {self.refuse_min}")
        if not 0.0 <= self.accept_max <= self.refuse_min:
            raise ValueError(f"accept_max must be in 0..refuse_min, not {self.accept_max}")
        for name in ("mass_min", "detected_min", "accepted_min"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be in 0..1, not {getattr(self, name)}")
        for name in ("characters_max", "completions_max", "concurrency", "remembered_max"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        for name in ("round_s", "timeout_s"):
            if not 0.0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be above 0 and finite, not {getattr(self, name)}")
