"""The built-in task at leisure: rounds of seconds that cost next to no processor time."""

import os
import time

from node.tasks.arith import ArithTask
from node.tasks.task import Prompt, Score

PAUSE_S = float(os.environ.get("HOSTILE_PAUSE_S") or 0.0)
"""Before a completion is scored, as a reward that runs programs would take."""


class Unhurried(ArithTask):
    """Arithmetic, scored slowly."""

    def score(self, prompt: Prompt, completion: str, *, ended: bool) -> Score:
        """Score a completion after a while."""
        time.sleep(PAUSE_S)
        return super().score(prompt, completion, ended=ended)
